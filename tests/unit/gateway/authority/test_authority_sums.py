"""The sums of a day without a network: how far all nodes may pass a limit, and what lost words and restarts change."""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.authority.federation import AUTHORITY
from tests.unit.ledger.world import START_MS, Time, chance, row

from freehold.gateway.authority.desk import Desk
from freehold.gateway.authority.filing import Filing
from freehold.gateway.authority.ledger_thread import LedgerThread
from freehold.gateway.authority.messages import FOLLOW, Follow, Followed, dumped, parsed
from freehold.gateway.authority.office import Office
from freehold.gateway.config import Limits
from freehold.gateway.exchange import Exchange
from freehold.gateway.request import Request
from freehold.ledger import day_tokens
from freehold.ledger.clock import LedgerClock
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.keys import KeyTable
from freehold.ledger.periods import day, next_day_ms
from freehold.ledger.quota import OverQuota, Quota, Ticket
from freehold.ledger.store import Store
from freehold.ledger.usage import insert, tokens_of_day

LIMIT = 600


@dataclass
class Node:
    """The parts of one gateway that count, without a network."""

    name: str
    store: Store
    clock: LedgerClock
    quota: Quota
    let_in: deque[tuple[int, int]] = field(default_factory=deque)  # when, worst case
    open: list[tuple[int, Ticket]] = field(default_factory=list)

    def settle(self, now: int, seeded: random.Random) -> None:
        """End what has come to its end, with some part of its worst case."""
        for at, ticket in [each for each in self.open if each[0] <= now]:
            self.quota.settle(ticket, seeded.randrange(ticket.worst + 1))
            self.open.remove((at, ticket))


@dataclass
class Fleet:
    """An office and followers that ask it when the test says."""

    time: Time
    key: str
    office: Office
    authority: Node
    followers: list[tuple[Node, Filing]]

    def round(self, node: Node, filing: Filing, *, lost: bool = False) -> None:
        here = node.quota.here()
        said = Follow.from_json(parsed(filing.word(*here, 24)))
        mine = self.authority.quota.here()
        answer, news = self.office.follow(node.name, said, mine)
        take(self.authority.quota, mine[0], news)
        if not lost:
            heard = filing.heard(dumped(answer.as_json()))
            take(node.quota, heard.day, heard.elsewhere)


def take(quota: Quota, at_day: int, news: Any) -> None:
    for key, tokens in news.items():
        quota.set_elsewhere(key, at_day, tokens)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        time = Time(START_MS)

        def node(name: str) -> Node:
            store = stack.enter_context(Store.open(tmp_path / name / "ledger.sqlite3"))
            clock = time.clock(store)
            return Node(name, store, clock, Quota(clock.now_ms))

        authority, others = node(AUTHORITY), [node("gpu2"), node("gpu3")]
        table = KeyTable(authority.store, authority.clock)
        limits = KeyLimits(tokens_per_day=LIMIT)
        key = table.create("limited", hashlib.sha256(b"k").hexdigest(), limits).id
        office = Office(authority.store, authority.clock, AUTHORITY)
        yield Fleet(time, key, office, authority, [(one, Filing(one.store, one.clock)) for one in others])


def beyond_the_bound(fleet: Fleet, seed: int, *, rounds: bool) -> int:
    """By how many tokens the worst moment passed the limit and what the others had let in within two rounds."""
    seeded, limits, allowed = chance(seed), KeyLimits(tokens_per_day=20_000), 20_000
    nodes = [fleet.authority, *(node for node, _ in fleet.followers)]
    due, worst_moment = {node.name: 0 for node in nodes}, -allowed
    for _ in range(4000):
        fleet.time.run(10)
        now = fleet.authority.clock.now_ms()
        for node, filing in fleet.followers if rounds else ():
            if now >= due[node.name]:
                fleet.round(node, filing)
                due[node.name] = now + seeded.randrange(800, 1200)
        node = seeded.choice(nodes)
        if isinstance(ticket := node.quota.start(fleet.key, limits, seeded.randrange(1, 60)), Ticket):
            node.let_in.append((now, ticket.worst))
            node.open.append((now + seeded.randrange(500), ticket))
            others = sum(size for one in nodes if one is not node for at, size in one.let_in if now - at <= 2 * 1200)
            used = sum(one.quota.here()[1].get(fleet.key, 0) for one in nodes)
            worst_moment = max(worst_moment, used - allowed - others)
        for one in nodes:
            one.settle(now, seeded)
    return worst_moment


@pytest.mark.parametrize("seed", range(6))
def test_all_nodes_together_pass_a_limit_by_no_more_than_the_others_let_in_within_two_rounds(
    fleet: Fleet, seed: int
) -> None:
    """Random requests on three nodes, each round a second long with jitter; looked at with every request."""
    assert beyond_the_bound(fleet, seed, rounds=True) <= 0
    nodes = [fleet.authority, *(node for node, _ in fleet.followers)]
    limits = KeyLimits(tokens_per_day=20_000)
    assert all(isinstance(node.quota.start(fleet.key, limits, 60), OverQuota) for node in nodes), "all know in the end"


def test_the_control_without_any_word_the_bound_does_not_hold(fleet: Fleet) -> None:
    assert beyond_the_bound(fleet, 1, rounds=False) > 0


def test_only_what_changed_is_said_after_the_first_time(fleet: Fleet) -> None:
    """A thousand keys are told once; a quiet second is a short message, both ways."""
    node, filing = fleet.followers[0]
    with node.store.transaction() as connection:
        insert(connection, [row(f"r{n}", START_MS, prompt=5, key=f"k{n}") for n in range(1000)])
    node.quota = Quota(node.clock.now_ms, tokens_of_day(node.store, node.clock.now_ms()))
    first = filing.word(*node.quota.here(), 24)
    assert len(first) > 1000 * len('"k999":5')
    fleet.round(node, filing)
    fleet.round(node, filing)
    quiet = filing.word(*node.quota.here(), 24)
    assert len(quiet) < 300
    said = fleet.office.follow(node.name, Follow.from_json(parsed(quiet)), (day(START_MS), {}))[0]
    assert len(dumped(said.as_json())) < 300
    filing.heard(dumped(said.as_json()))
    node.quota.start("k7", KeyLimits(), 3)
    changed = Follow.from_json(parsed(filing.word(*node.quota.here(), 24)))
    assert (dict(changed.tokens), changed.whole) == ({"k7": 8}, False)


def test_an_answer_that_was_lost_is_told_again(fleet: Fleet) -> None:
    (first, filing), (second, other) = fleet.followers
    fleet.round(first, filing)
    fleet.round(second, other)
    assert isinstance(second.quota.start(fleet.key, KeyLimits(), 70), Ticket)
    fleet.round(second, other)
    fleet.round(first, filing, lost=True)
    assert first.quota.used(fleet.key) == 0
    fleet.round(first, filing)
    assert first.quota.used(fleet.key) == 70
    assert fleet.authority.quota.used(fleet.key) == 70


def test_an_answer_of_another_session_is_followed_by_all_of_it(fleet: Fleet) -> None:
    node, filing = fleet.followers[0]
    ticket = node.quota.start(fleet.key, KeyLimits(), 70)
    assert isinstance(ticket, Ticket)
    fleet.round(node, filing)
    fleet.office = Office(fleet.authority.store, fleet.authority.clock, AUTHORITY)
    assert fleet.office.tally.elsewhere(day(START_MS), AUTHORITY, {fleet.key}) == {fleet.key: 70}, "it was on the disk"
    with fleet.authority.store.transaction() as connection:
        connection.execute("DELETE FROM day_tokens")  # as an older copy would be
    fleet.office = Office(fleet.authority.store, fleet.authority.clock, AUTHORITY)
    fleet.authority.quota = Quota(fleet.authority.clock.now_ms)
    fleet.round(node, filing)
    fleet.round(node, filing)
    assert fleet.authority.quota.used(fleet.key) == 70
    node.quota.settle(ticket, 50)
    fleet.round(node, filing)
    assert fleet.authority.quota.used(fleet.key) == 50


def test_what_was_told_before_a_restart_and_is_no_more_does_not_stay(fleet: Fleet) -> None:
    (first, filing), (second, other) = fleet.followers
    ticket = second.quota.start(fleet.key, KeyLimits(), 70)
    assert isinstance(ticket, Ticket)
    fleet.round(second, other)
    fleet.round(first, filing)
    first.quota = Quota(first.clock.now_ms)
    take(first.quota, day(START_MS), day_tokens.elsewhere(first.store, day(START_MS), told=True))
    assert first.quota.used(fleet.key) == 70
    second.quota.settle(ticket, 0)
    fleet.round(second, other)
    fleet.round(first, Filing(first.store, first.clock))
    assert first.quota.used(fleet.key) == 0


def test_a_new_day_begins_with_nothing_and_a_clock_that_is_days_off_has_no_part_in_it(fleet: Fleet) -> None:
    (first, filing), (second, other) = fleet.followers
    first.quota.start(fleet.key, KeyLimits(), 70)
    fleet.round(first, filing)
    fleet.round(second, other)
    assert second.quota.used(fleet.key) == 70
    fleet.time.run(next_day_ms(START_MS) - START_MS)
    fleet.round(first, filing)
    fleet.round(second, other)
    assert second.quota.used(fleet.key) == 0
    far = Follow(day=day(START_MS) + 40, tokens={fleet.key: 5})
    answer, _ = fleet.office.follow("gpu9", far, fleet.authority.quota.here())
    assert isinstance(answer, Followed)
    assert answer.keys is not None, "keys it hears all the same"
    for one in (day(START_MS) + 1, far.day):
        assert fleet.office.tally.elsewhere(one, "gpu2", {fleet.key}) == {}


def test_words_that_cannot_be_put_down_count_at_once_and_are_put_down_later(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from freehold.ledger import problems  # noqa: PLC0415  of this test alone

    def full(self: Store) -> Any:
        if self is fleet.authority.store:
            raise problems.unwritable(self.path, "database or disk is full")
        return whole(self)

    node, filing = fleet.followers[0]
    whole = Store.transaction
    node.quota.start(fleet.key, KeyLimits(), 70)
    monkeypatch.setattr(Store, "transaction", full)
    fleet.round(node, filing)
    assert fleet.authority.quota.used(fleet.key) == 70
    monkeypatch.undo()
    fleet.round(node, filing)
    again = Office(fleet.authority.store, fleet.authority.clock, AUTHORITY)
    assert again.tally.elsewhere(day(START_MS), AUTHORITY, {fleet.key}) == {fleet.key: 70}


@pytest.mark.parametrize("leaves", [False, True])
def test_what_a_follower_said_counts_here_though_it_left_before_its_answer(
    fleet: Fleet,
    leaves: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    node, filing = fleet.followers[0]
    assert isinstance(node.quota.start(fleet.key, KeyLimits(), 70), Ticket)
    said, mine = filing.word(*node.quota.here(), 24), fleet.authority.quota
    thread, busy = LedgerThread("authority"), threading.Event()

    async def nobody(request: Request, exchange: Exchange) -> None:
        raise AssertionError(request, exchange)

    async def main() -> None:
        desk = Desk(
            nobody, AUTHORITY, is_authority=True, office=fleet.office, thread=thread, quota=mine, limits=Limits()
        )
        request = Request(Nowhere(), "POST", FOLLOW, [], client="", version="1.1", node=node.name)
        request.feed(said)
        request.finish()
        waits = asyncio.create_task(thread.do(busy.wait, 10))
        await asyncio.sleep(0)
        asked = asyncio.create_task(desk(request, Exchange()))
        await asyncio.sleep(0.01)  # behind what the thread does
        if leaves:
            asked.cancel()
            await asyncio.wait([asked])
        busy.set()
        await asyncio.wait([asked, waits])
        await thread.do(int)

    asyncio.run(main())
    thread.close(lambda: None)
    assert mine.used(fleet.key) == 70


class Nowhere:
    """A wire to nobody."""

    def write(self, data: bytes) -> None:
        pass

    async def writable(self) -> None:
        pass

    def answered(self, *, keep: bool) -> None:
        pass

    def abort(self) -> None:
        pass
