"""Two holders and an authority at random: messages lost, late and doubled, restarts everywhere; the caps hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.ledger.fleet import Fleet, charged, clean, fleet
from tests.unit.ledger.world import DONE, Tokens, World, chance

from freehold.ledger.caps import Amount, Caps
from freehold.ledger.frontier import Reservation
from freehold.ledger.holdings import LeaseReport
from freehold.ledger.key_records import KeyLimits


@pytest.mark.parametrize("seed", range(10))
def test_no_order_of_messages_and_restarts_passes_a_cap(tmp_path: Path, seed: int) -> None:
    """Two holders and the authority; messages are lost, late, and doubled. What really left is counted beside it."""
    caps = Caps(200_000, window_hours=24, nano_usd_per_day=5000, nano_usd_per_month=5000)
    with fleet(tmp_path, caps, skew_ms=0) as pair:
        Chaos(pair, seed).play(200)
        assert clean(pair)


class Chaos:
    """Plays at random, with a count of its own of what may have been spent."""

    def __init__(self, pair: Fleet, seed: int) -> None:
        self.pair, self.chance = pair, chance(seed)
        self.key = pair.authority.key(limits=KeyLimits(frontier=True, frontier_tokens_per_day=4000))
        pair.share_keys()
        self.out: dict[str, list[Reservation]] = {"a": [], "b": [], "main": []}
        self.late: list[tuple[str, LeaseReport]] = []
        self.really = Amount(0, 0)

    def play(self, steps: int) -> None:
        deeds = [self.serve, self.lend, self.spend, self.spend, self.settle, self.report, self.restart, self.close]
        for number in range(steps):
            self.pair.run(self.chance.randrange(60_000))
            self.chance.choice(deeds)(self.chance.choice(["a", "b", "main"]), number)
            most, said = self.pair.caps.nano_usd_per_day, charged(self.pair)
            worst = [one.worst for ones in self.out.values() for one in ones]
            assert self.really.nano_usd + sum(one.nano_usd for one in worst) <= said.nano_usd <= most
            assert self.really.tokens + sum(one.tokens for one in worst) <= said.tokens <= 4000
        assert self.really.tokens > 0

    def world(self, node: str) -> World:
        return self.pair.authority if node == "main" else self.pair.holders[node]

    def serve(self, node: str, number: int) -> None:
        del number
        self.world(node).local(self.chance.randrange(5000))

    def lend(self, node: str, number: int) -> None:
        del number
        if node != "main" and self.chance.random() < 0.8:
            self.pair.lend(node, self.key, 1 + self.chance.randrange(500), self.chance.randrange(800))
        elif node != "main":
            self.pair.book.grant(node, self.pair.ask(node, self.key, 50, 50))  # the answer is lost

    def spend(self, node: str, number: int) -> None:
        amount = (1 + self.chance.randrange(150), self.chance.randrange(200))
        said = self.world(node).reserve(self.key, *amount, f"{node}-{number}")
        if isinstance(said, Reservation):
            self.out[node].append(said)

    def settle(self, node: str, number: int) -> None:
        del number
        if self.out[node]:
            one = self.out[node].pop()
            used = Amount(self.chance.randrange(one.worst.tokens + 1), self.chance.randrange(one.worst.nano_usd + 1))
            self.world(node).frontier.settle(one.id, Tokens(used.tokens), used.nano_usd, DONE)
            self.count(used)

    def count(self, used: Amount) -> None:
        self.really = Amount(self.really.tokens + used.tokens, self.really.nano_usd + used.nano_usd)

    def report(self, node: str, number: int) -> None:
        del number
        if node != "main":
            self.late += [(node, one) for one in self.pair.holders[node].frontier.holdings.reports()]
            self.pair.report(node, answered=self.chance.random() < 0.7)
        elif self.late:
            self.pair.book.report(*self.chance.choice(self.late))

    def restart(self, node: str, number: int) -> None:
        del number
        for one in self.out[node]:
            self.count(one.worst)  # it may have been sent
        self.out[node].clear()
        if node == "main":
            old = self.pair.authority
            self.pair.authority = World(old.store, old.time, self.pair.caps)
            self.pair.book.clock = self.pair.authority.clock
            self.pair.authority.frontier.recover()
        else:
            self.pair.restart(node)

    def close(self, node: str, number: int) -> None:
        del number
        if node != "main":
            for one in self.pair.holders[node].frontier.holdings.reports():
                self.pair.holders[node].frontier.holdings.close(one.lease_id)
