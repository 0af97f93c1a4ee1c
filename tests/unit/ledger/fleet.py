"""An authority and its holders, each with a ledger and a clock of its own; messages go as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.unit.ledger.world import OPEN_CAPS, START_MS, Time, World

from freehold.ledger.audit import audit
from freehold.ledger.caps import Amount, Caps, spent
from freehold.ledger.frontier import Refusal
from freehold.ledger.holdings import Lease, LeaseAsk, LeaseReport
from freehold.ledger.key_records import Key
from freehold.ledger.leases import LeaseBook
from freehold.ledger.periods import DAY_MS, day
from freehold.ledger.replication import apply, changes_since, position
from freehold.ledger.store import Store

DAY_CAPS = Caps(1_000_000, nano_usd_per_day=1000, nano_usd_per_month=5000)


class Fleet:
    def __init__(self, authority: World, holders: dict[str, World], caps: Caps) -> None:
        self.authority, self.holders, self.caps = authority, holders, caps
        self.book = LeaseBook(authority.store, authority.clock, caps)

    def run(self, ms: int) -> None:
        for world in (self.authority, *self.holders.values()):
            world.time.run(ms)

    def share_keys(self) -> None:
        for world in self.holders.values():
            apply(world.keys, changes_since(self.authority.keys, *position(world.keys)))

    def ask(self, node: str, key: Key, tokens: int, nano_usd: int, seconds: int = 600) -> LeaseAsk:
        asked = self.holders[node].frontier.holdings.ask(key.id, Amount(tokens, nano_usd), seconds)
        return LeaseAsk.from_json(json.loads(json.dumps(asked.as_json())))

    def lend(self, node: str, key: Key, tokens: int, nano_usd: int, seconds: int = 600) -> Lease | Refusal:
        answer = self.book.grant(node, self.ask(node, key, tokens, nano_usd, seconds))
        if isinstance(answer, Lease):
            lease = Lease.from_json(json.loads(json.dumps(answer.as_json())))
            self.holders[node].frontier.holdings.hold(lease)
        return answer

    def lent(self, node: str, key: Key, tokens: int, nano_usd: int, seconds: int = 600) -> Lease:
        answer = self.lend(node, key, tokens, nano_usd, seconds)
        assert isinstance(answer, Lease), answer
        return answer

    def report(self, node: str, *, answered: bool = True) -> list[LeaseReport]:
        holdings = self.holders[node].frontier.holdings
        holdings.expire()
        reports = holdings.reports()
        for report in reports:
            self.book.report(node, LeaseReport.from_json(json.loads(json.dumps(report.as_json()))))
            if answered:
                holdings.acknowledged(report)
        self.book.local_tokens(node, holdings.local_hours(0))
        return reports

    def restart(self, node: str) -> None:
        """The holder's gateway is killed, and starts again."""
        old = self.holders[node]
        self.holders[node] = World(old.store, old.time, None)
        self.holders[node].frontier.recover()


def charged(pair: Fleet) -> Amount:
    with pair.authority.store.reading() as connection:
        return spent(connection, "day", day(pair.authority.clock.now_ms()))


def clean(pair: Fleet) -> bool:
    return not any(audit(world.store) for world in (pair.authority, *pair.holders.values()))


@contextmanager
def fleet(folder: Path, caps: Caps = OPEN_CAPS, skew_ms: int = DAY_MS // 3) -> Iterator[Fleet]:
    """Node ``a`` is behind the authority and ``b`` ahead, by ``skew_ms``: no clock is compared with another."""
    with ExitStack() as stack:
        starts = {"main": START_MS, "a": START_MS - skew_ms, "b": START_MS + skew_ms}
        stores = {name: stack.enter_context(Store.open(folder / name / "ledger.sqlite3")) for name in starts}
        main = World(stores["main"], Time(START_MS), caps)
        holders = {name: World(stores[name], Time(starts[name]), None) for name in ("a", "b")}
        yield Fleet(main, holders, caps)
