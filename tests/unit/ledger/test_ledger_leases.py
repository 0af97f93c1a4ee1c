"""Leases: the caps hold whatever becomes of the messages, the holders, and the clocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.ledger.fleet import Fleet, fleet
from tests.unit.ledger.world import DONE, FREE, START_MS, Time, Tokens, World, chance

from freehold.errors import FreeholdError
from freehold.ledger import exceptions
from freehold.ledger.audit import audit
from freehold.ledger.caps import Amount, Caps, spent
from freehold.ledger.frontier import CAPPED, KEY_REFUSED, UNWRITABLE, Refusal, Reservation
from freehold.ledger.holdings import Lease, LeaseAsk, LeaseReport
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.periods import HOUR_MS, day, next_day_ms

CAPS = Caps(1_000_000, nano_usd_per_day=1000, nano_usd_per_month=5000)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path, CAPS) as made:
        yield made


def charged(pair: Fleet) -> Amount:
    with pair.authority.store.reading() as connection:
        return spent(connection, "day", day(pair.authority.clock.now_ms()))


def clean(pair: Fleet) -> bool:
    return not any(audit(world.store) for world in (pair.authority, *pair.holders.values()))


def test_a_grant_is_taken_before_it_is_answered_and_the_rest_comes_back(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    lease = pair.lent("a", key, 500, 400)
    assert charged(pair) == Amount(500, 400)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 100, 90).id, Tokens(30, 0, 10), 25, DONE)
    pair.report("a")
    assert charged(pair) == Amount(500, 400)  # the lease still runs
    holder.frontier.holdings.close(lease.id)
    (report,) = pair.report("a")
    assert report.final
    assert charged(pair) == Amount(40, 25)
    assert pair.report("a") == []
    assert pair.book.outstanding() == []
    assert clean(pair)


def test_without_a_lease_nothing_leaves(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    refusal = pair.holders["a"].refused(key, 1)
    assert refusal.code == CAPPED
    assert [(cap.name, cap.left) for cap in refusal.caps] == [("lease", 0)]


def test_a_lease_is_for_one_key(pair: Fleet) -> None:
    key, other = pair.authority.key(), pair.authority.key("other")
    pair.share_keys()
    pair.lent("a", key, 500, 400)
    assert pair.holders["a"].refused(other, 1).caps[0].name == "lease"
    pair.authority.keys.revoke("agent", "")
    pair.share_keys()
    assert pair.holders["a"].refused(key, 1).code == KEY_REFUSED
    refusal = pair.lend("a", key, 1, 1)
    assert isinstance(refusal, Refusal)
    assert refusal.code == KEY_REFUSED


def test_no_more_is_taken_from_a_lease_than_it_holds(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.lent("a", key, 100, 100)
    holder = pair.holders["a"]
    holder.reserved(key, 60, 10)
    refusal = holder.refused(key, 41, 91)
    assert [(cap.unit, cap.left) for cap in refusal.caps] == [("tokens", 40), ("nano_usd", 90)]
    pair.lent("a", key, 41, 1)
    assert [cap.unit for cap in holder.refused(key, 41, 2).caps] == ["tokens"]  # no request is paid by two leases
    holder.reserved(key, 41, 1)


def test_a_lease_ends_by_the_holders_clock(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.lent("a", key, 100, 100, seconds=60)
    holder = pair.holders["a"]
    holder.time.run(59_999)
    holder.time.step(-HOUR_MS)  # setting the clock back makes it no longer
    reservation = holder.reserved(key, 10, 10)
    holder.time.run(1)
    assert holder.refused(key, 10).caps[0].name == "lease"
    (report,) = pair.report("a")
    assert not report.final  # one request is still out
    assert charged(pair) == Amount(100, 100)
    holder.frontier.settle(reservation.id, Tokens(5), 5, DONE)
    pair.report("a")
    assert charged(pair) == Amount(5, 5)


def test_a_partition_leaves_the_lease_spent_until_its_report_comes(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.lent("a", key, 10, 800, seconds=60)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 1, 100).id, Tokens(1), 100, DONE)
    pair.run(HOUR_MS)
    assert charged(pair).nano_usd == 800
    refusal = pair.authority.refused(key, 1, 201)
    assert [(cap.name, cap.left) for cap in refusal.caps] == [("fleet_day", 200)]
    assert pair.book.outstanding()[0].expires_ms < pair.authority.clock.now_ms()
    pair.report("a")
    assert charged(pair).nano_usd == 100
    pair.authority.reserved(key, 1, 900)


def test_a_report_counts_once_however_often_it_comes(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    lease = pair.lent("a", key, 100, 100)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 60, 10).id, Tokens(5), 7, DONE)
    early = holder.frontier.holdings.reports()[0]
    holder.frontier.settle(holder.reserved(key, 60, 10).id, Tokens(6), 8, DONE)
    holder.frontier.holdings.close(lease.id)
    first = pair.report("a", answered=False)
    assert charged(pair) == Amount(11, 15)
    assert pair.report("a", answered=False) == first
    pair.book.report("a", early)  # a message that was on its way for long
    assert charged(pair) == Amount(11, 15)
    assert clean(pair)


def test_an_answer_that_was_lost_is_asked_for_again_or_given_back(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    asked = pair.ask("a", key, 100, 100, seconds=60)
    pair.book.grant("a", asked)
    pair.run(20_000)
    again = pair.book.grant("a", asked)
    assert isinstance(again, Lease)
    assert again.seconds == 40
    assert charged(pair) == Amount(100, 100)
    pair.restart("a")
    (report,) = pair.report("a")
    assert report.final
    assert charged(pair) == Amount(0, 0)
    with pytest.raises(FreeholdError, match="LEASE_NOT_ASKED"):
        pair.holders["a"].frontier.holdings.hold(again)
    with pytest.raises(FreeholdError, match="LEASE_REFUSED"):
        pair.book.grant("a", asked)  # the same ask, late: what was given back is not lent without being taken again


def test_an_ask_that_comes_after_its_report_is_refused(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    asked = pair.ask("a", key, 100, 100)
    pair.restart("a")
    pair.report("a")
    with pytest.raises(FreeholdError, match="LEASE_REFUSED"):
        pair.book.grant("a", asked)
    assert charged(pair) == Amount(0, 0)


def test_another_node_can_neither_take_nor_report_a_lease(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    asked = pair.ask("a", key, 100, 100)
    pair.book.grant("a", asked)
    with pytest.raises(FreeholdError, match="LEASE_REFUSED"):
        pair.book.grant("b", asked)
    with pytest.raises(FreeholdError, match="LEASE_REFUSED"):
        pair.book.grant("a", replace(asked, tokens=101))
    with pytest.raises(FreeholdError, match="LEASE_REFUSED"):
        pair.book.report("b", LeaseReport(asked.id, key.id, final=True, spent=Amount(0, 0), rows=()))
    assert charged(pair) == Amount(100, 100)


def test_a_report_whose_rows_do_not_add_up_gives_nothing_back(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    lease = pair.lent("a", key, 100, 100)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 60, 10).id, Tokens(5), 7, DONE)
    holder.frontier.holdings.close(lease.id)
    (report,) = holder.frontier.holdings.reports()
    wrong = (
        replace(report, rows=()),
        replace(report, spent=Amount(0, 0)),
        replace(report, rows=(replace(report.rows[0], lease_id="other"),)),
    )
    for one in wrong:
        with pytest.raises(FreeholdError, match="LEASE_REPORT_WRONG"):
            pair.book.report("a", one)
    assert charged(pair) == Amount(100, 100)
    pair.book.report("a", report)
    # A row that hides behind the id of another one would not be counted either.
    lent = pair.lent("a", key, 100, 100)
    hidden = replace(report.rows[0], lease_id=lent.id)
    with pytest.raises(FreeholdError, match="LEASE_REPORT_WRONG"):
        pair.book.report("a", LeaseReport(lent.id, key.id, final=True, spent=hidden.charged, rows=(hidden,)))
    assert charged(pair) == Amount(105, 107)


@pytest.mark.parametrize(
    "told",
    [
        {"id": "x", "key_id": "k", "tokens": -1, "nano_usd": 0, "seconds": 1},
        {"id": "x", "key_id": "k", "tokens": 1, "nano_usd": 0, "seconds": 10**9},
        {"id": "x", "key_id": "k", "tokens": 1.5, "nano_usd": 0, "seconds": 1},
        {"id": "", "key_id": "k", "tokens": 1, "nano_usd": 0, "seconds": 1},
        {"id": "x"},
    ],
)
def test_absurd_asks_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(FreeholdError, match=r"LEDGER_BAD_AMOUNT|LEASE_BAD_MESSAGE"):
        LeaseAsk.from_json(told)


def test_absurd_reports_are_refused(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.lent("a", key, 100, 100)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 60, 10).id, Tokens(5), 7, DONE)
    told = holder.frontier.holdings.reports()[0].as_json()
    for name, value in (("charged_tokens", -5), ("charged_nano_usd", 1.5), ("state", "open"), ("id", 7), ("extra", 1)):
        with pytest.raises(FreeholdError, match="LEASE_BAD_MESSAGE"):
            LeaseReport.from_json({**told, "rows": [{**told["rows"][0], name: value}]})
    assert LeaseReport.from_json({**told, "final": "yes"}).final is False
    for hours in ({5: -1}, {-1: 5}):
        with pytest.raises(FreeholdError, match="LEDGER_BAD_AMOUNT"):
            pair.book.local_tokens("a", hours)


def test_grants_keep_to_the_share_of_all_nodes_tokens(tmp_path: Path) -> None:
    with fleet(tmp_path, replace(CAPS, share_ppm=50_000), skew_ms=0) as pair:
        key = pair.authority.key()
        pair.share_keys()
        assert isinstance(pair.lend("a", key, 52, 1), Refusal)
        pair.holders["b"].local(600)
        pair.holders["a"].local(300)
        pair.authority.local(100)
        pair.report("a")
        pair.report("b")
        pair.report("b")  # sums, not differences: twice is once
        refusal = pair.lend("a", key, 53, 1)
        assert isinstance(refusal, Refusal)
        assert refusal.caps[0].left == 52
        pair.lent("a", key, 40, 1)
        pair.book.local_tokens("b", dict.fromkeys(pair.holders["b"].frontier.holdings.local_hours(0), 5))  # never fewer
        pair.authority.reserved(key, 12)


def test_a_keys_allowance_is_the_fleets(pair: Fleet) -> None:
    key = pair.authority.key(limits=replace(FREE, frontier_tokens_per_day=100))
    pair.share_keys()
    pair.lent("a", key, 60, 1)
    refusal = pair.lend("b", key, 41, 1)
    assert isinstance(refusal, Refusal)
    assert [cap.name for cap in refusal.caps] == ["key_day"]
    pair.lent("b", key, 40, 1)
    assert pair.authority.refused(key, 1).caps[0].name == "key_day"


def test_a_lease_never_outlives_the_authoritys_day(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.run(next_day_ms(START_MS) - START_MS - 5000)
    assert pair.lent("a", key, 1, 1, seconds=600).seconds == 5
    pair.run(4500)
    refusal = pair.lend("a", key, 1, 1)
    assert isinstance(refusal, Refusal)
    assert refusal.reopens_ms == next_day_ms(START_MS)


def test_no_lease_survives_a_restart_of_the_holder(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.lent("a", key, 100, 100)
    pair.holders["a"].reserved(key, 60, 10)
    pair.restart("a")
    assert pair.holders["a"].refused(key, 1).caps[0].name == "lease"
    (report,) = pair.report("a")
    assert report.final
    assert charged(pair) == Amount(60, 10)  # what was open counts in full
    with pair.authority.store.reading() as connection:
        (left,) = exceptions.select(connection, "node = 'a'")
    assert left.state == "unsettled"
    assert clean(pair)


def test_an_authority_from_an_older_copy_learns_what_was_spent(pair: Fleet, tmp_path: Path) -> None:
    key = pair.authority.key()
    pair.share_keys()
    copy = tmp_path / "copy" / "ledger.sqlite3"
    copy.parent.mkdir(mode=0o700)
    pair.authority.store.copy_to(copy)
    lease = pair.lent("a", key, 100, 100)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 60, 10).id, Tokens(5), 7, DONE)
    holder.frontier.holdings.close(lease.id)
    with type(pair.authority.store).open(copy) as store:
        restored = Fleet(World(store, pair.authority.time, CAPS), pair.holders, CAPS)
        restored.report("a")
        assert charged(restored) == Amount(5, 7)
        assert clean(restored)


def test_an_authority_that_cannot_write_lends_nothing(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    asked = pair.ask("a", key, 1, 1)
    with pair.authority.store.reading() as connection:
        connection.execute("PRAGMA query_only = ON")
    refusal = pair.book.grant("a", asked)
    assert isinstance(refusal, Refusal)
    assert refusal.code == UNWRITABLE


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


def test_the_clock_of_a_holder_is_its_own(pair: Fleet) -> None:
    assert isinstance(pair.holders["a"].time, Time)
    assert pair.holders["a"].clock.now_ms() < pair.authority.clock.now_ms() < pair.holders["b"].clock.now_ms()
