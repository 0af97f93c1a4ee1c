"""Each key's limits in memory: exact, settled, and not fresh after a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.ledger.world import START_MS, chance, row

from freehold.ledger.key_records import KeyLimits
from freehold.ledger.periods import DAY_MS, day, next_day_ms
from freehold.ledger.quota import CONCURRENT, REQUESTS, TOKENS, OverQuota, Quota, Ticket
from freehold.ledger.store import Store
from freehold.ledger.usage import insert, tokens_of_day


class Turned:
    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def now() -> Turned:
    return Turned()


@pytest.fixture
def quota(now: Turned) -> Quota:
    return Quota(now)


def let_in(said: Ticket | OverQuota) -> Ticket:
    assert isinstance(said, Ticket), said
    return said


def refused(said: Ticket | OverQuota) -> OverQuota:
    assert isinstance(said, OverQuota), said
    return said


def test_without_limits_everything_passes(quota: Quota) -> None:
    for _ in range(1000):
        let_in(quota.start("k", KeyLimits(), 10**6))
    assert quota.open_requests("k") == 1000


def test_no_minute_has_more_requests_than_allowed(quota: Quota, now: Turned) -> None:
    """Any sixty seconds, not only those of the clock."""
    limits, taken, seeded = KeyLimits(requests_per_minute=7), [], chance(5)
    for _ in range(3000):
        now.ms += seeded.randrange(2000)
        if isinstance(said := quota.start("k", limits, 0), Ticket):
            taken.append(now.ms)
        else:
            assert said.limit == REQUESTS
            ahead = Quota(now)
            assert said.retry_ms == taken[-7] + 60_000 - now.ms
            let_in(ahead.start("k", limits, 0))
    assert len(taken) > 300
    assert all(later - earlier >= 60_000 for earlier, later in zip(taken, taken[7:], strict=False))


def test_a_refused_request_costs_nothing(quota: Quota, now: Turned) -> None:
    limits = KeyLimits(requests_per_minute=1)
    let_in(quota.start("k", limits, 0))
    for _ in range(5):
        assert refused(quota.start("k", limits, 0)).retry_ms == 60_000
    now.ms += 60_000
    let_in(quota.start("k", limits, 0))


def test_requests_at_once(quota: Quota) -> None:
    limits = KeyLimits(concurrent=2)
    first = let_in(quota.start("k", limits, 0))
    let_in(quota.start("k", limits, 0))
    assert refused(quota.start("k", limits, 0)).limit == CONCURRENT
    let_in(quota.start("other", limits, 0))
    quota.settle(first, 0)
    let_in(quota.start("k", limits, 0))


def test_the_worst_case_is_reserved_and_the_truth_is_settled(quota: Quota) -> None:
    limits = KeyLimits(tokens_per_day=100)
    ticket = let_in(quota.start("k", limits, 80))
    over = refused(quota.start("k", limits, 21))
    assert (over.limit, over.left, over.allowed) == (TOKENS, 20, 100)
    assert over.retry_ms == next_day_ms(START_MS) - START_MS
    quota.settle(ticket, 5)
    assert quota.used("k") == 5
    let_in(quota.start("k", limits, 95))


def test_a_request_that_can_never_pass_is_told_so(quota: Quota) -> None:
    assert refused(quota.start("k", KeyLimits(tokens_per_day=100), 101)).never
    assert refused(quota.start("k", KeyLimits(concurrent=0), 0)).never
    assert refused(quota.start("k", KeyLimits(requests_per_minute=0), 0)).never


def test_a_new_day_begins_at_midnight_and_old_requests_count_for_the_old_one(quota: Quota, now: Turned) -> None:
    limits = KeyLimits(tokens_per_day=100)
    late = let_in(quota.start("k", limits, 100))
    now.ms = next_day_ms(START_MS)
    fresh = let_in(quota.start("k", limits, 60))
    quota.settle(late, 100)
    assert quota.used("k") == 60
    quota.settle(fresh, 10)
    assert quota.used("k") == 10
    assert quota.open_requests("k") == 0


def test_a_clock_that_goes_back_opens_no_day(quota: Quota, now: Turned) -> None:
    limits = KeyLimits(tokens_per_day=100)
    quota.settle(let_in(quota.start("k", limits, 100)), 100)
    now.ms -= 3 * DAY_MS
    refused(quota.start("k", limits, 1))


def test_a_restart_gives_no_fresh_day(store: Store, now: Turned) -> None:
    with store.transaction() as connection:
        insert(connection, [row("a", prompt=70, completion=20, key="k")])
    quota = Quota(now, tokens_of_day(store, now.ms))
    limits = KeyLimits(tokens_per_day=100)
    assert refused(quota.start("k", limits, 11)).left == 10
    now.ms = next_day_ms(now.ms)
    let_in(quota.start("k", limits, 100))


def test_what_other_nodes_counted_counts(quota: Quota) -> None:
    limits = KeyLimits(tokens_per_day=100)
    quota.set_elsewhere("k", day(START_MS), 60)
    quota.set_elsewhere("k", day(START_MS), 50)  # something there has settled
    quota.set_elsewhere("k", day(START_MS) - 1, 1000)
    assert refused(quota.start("k", limits, 51)).left == 50


def test_a_ticket_is_settled_once_and_tokens_are_not_negative(quota: Quota) -> None:
    ticket = let_in(quota.start("k", KeyLimits(), 5))
    for wrong in (lambda: quota.settle(ticket, -1), lambda: quota.start("k", KeyLimits(), -1)):
        with pytest.raises(ValueError, match="-1"):
            wrong()
    quota.settle(ticket, 5)
    with pytest.raises(ValueError, match="open=False"):
        quota.settle(ticket, 5)
    assert quota.used("k") == 5


def test_limits_that_are_lowered_hold_at_once(quota: Quota) -> None:
    high = KeyLimits(requests_per_minute=10)
    for _ in range(6):
        let_in(quota.start("k", high, 0))
    assert refused(quota.start("k", replace(high, requests_per_minute=3), 0)).retry_ms == 60_000


@pytest.mark.parametrize("seed", range(20))
def test_no_interleaving_passes_the_days_limit(now: Turned, seed: int) -> None:
    seeded, quota, limits = chance(seed), Quota(now), KeyLimits(tokens_per_day=1000, concurrent=8)
    running: list[Ticket] = []
    settled: dict[int, int] = {}
    for _ in range(2000):
        now.ms += seeded.randrange(800_000)
        if running and seeded.random() < 0.5:
            ticket = running.pop(seeded.randrange(len(running)))
            really = seeded.randrange(ticket.worst + 1)
            settled[ticket.day] = settled.get(ticket.day, 0) + really
            quota.settle(ticket, really)
        elif isinstance(said := quota.start("k", limits, seeded.randrange(200)), Ticket):
            running.append(said)
        assert len(running) <= 8
    assert len(settled) > 3
    assert max(settled.values()) <= 1000
