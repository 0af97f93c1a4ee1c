"""The limits: a share of all tokens, money of days and months, each key's own; which said no, and until when."""

from __future__ import annotations

import json

import pytest
from tests.unit.ledger.world import (
    DONE,
    OPEN_CAPS,
    START_MS,
    USD,
    Time,
    Tokens,
    World,
    names,
)

from freehold.errors import FreeholdError
from freehold.ledger.caps import Caps, within_share
from freehold.ledger.frontier import CAPPED
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.periods import DAY_MS, next_day_ms, next_month_ms
from freehold.ledger.store import close_frontier

SHARE = Caps(share_ppm=50_000, nano_usd_per_day=USD, nano_usd_per_month=USD)


def test_the_share_is_of_all_tokens(world: World) -> None:
    """1000 local tokens at 5 % make room for 52: 52 of 1052 is within, 53 of 1053 is not."""
    world.frontier.caps, key = SHARE, world.key()
    world.local(1000)
    refusal = world.refused(key, 53)
    assert names(refusal) == ["share"]
    assert refusal.caps[0].left == 52
    world.reserved(key, 52)
    assert world.refused(key, 1).caps[0].left == 0
    world.local(1000)
    world.reserved(key, 52)


def test_without_local_tokens_nothing_leaves(world: World) -> None:
    world.frontier.caps = SHARE
    refusal = world.refused(world.key(), 1)
    assert (names(refusal), refusal.reopens_ms) == (["share"], None)


def test_the_share_reopens_when_old_exceptions_leave_the_window(world: World, time: Time) -> None:
    world.frontier.caps, key = SHARE, world.key()
    world.local(1000, hours_ago=100)
    world.frontier.settle(world.reserved(key, 52).id, Tokens(52), 0, DONE)
    time.run(3 * DAY_MS)
    world.local(800)
    refusal = world.refused(key, 40)
    assert refusal.reopens_ms is not None
    assert refusal.reopens_ms > START_MS + 7 * DAY_MS
    time.run(refusal.reopens_ms - world.clock.now_ms() - 1)
    assert names(world.refused(key, 40)) == ["share"]
    time.run(1)
    world.reserved(key, 40)


def test_the_hour_at_the_edge_counts_against_and_never_for(world: World, time: Time) -> None:
    world.frontier.caps, key = SHARE, world.key()
    world.local(100_000)
    time.run(7 * DAY_MS)  # 168 hours: to the minute, the local tokens are still within
    assert names(world.refused(key, 1)) == ["share"]


def test_money_of_the_day_and_of_the_month(world: World, time: Time) -> None:
    world.frontier.caps = Caps(1_000_000, nano_usd_per_day=10, nano_usd_per_month=15)
    key = world.key()
    world.reserved(key, 1, 10)
    refusal = world.refused(key, 1, 1)
    assert names(refusal) == ["fleet_day"]
    assert refusal.reopens_ms == next_day_ms(START_MS)
    time.run(DAY_MS)
    refusal = world.refused(key, 1, 6)
    assert (names(refusal), refusal.caps[0].left) == (["fleet_month"], 5)
    assert refusal.reopens_ms == next_month_ms(START_MS)
    world.reserved(key, 1, 5)
    time.run(next_month_ms(START_MS) - world.clock.now_ms())
    world.reserved(key, 1, 10)


def test_all_limits_that_say_no_are_named_and_the_last_one_tells_when(world: World) -> None:
    world.frontier.caps = Caps(50_000, nano_usd_per_day=5, nano_usd_per_month=6)
    limits = KeyLimits(frontier=True, frontier_tokens_per_day=5, frontier_nano_usd_per_month=5)
    refusal = world.refused(world.key(limits=limits), 6, 7)
    assert names(refusal) == ["share", "fleet_day", "fleet_month", "key_day", "key_month"]
    assert refusal.reopens_ms is None  # the request alone is too large


def test_a_keys_own_allowance(world: World, time: Time) -> None:
    limits = KeyLimits(frontier=True, frontier_tokens_per_day=100, frontier_nano_usd_per_month=50)
    key, other = world.key(limits=limits), world.key("other")
    world.reserved(key, 60, 40)
    assert names(world.refused(key, 41)) == ["key_day"]
    assert names(world.refused(key, 1, 11)) == ["key_month"]
    world.reserved(other, 1000, 1000)
    time.run(DAY_MS)
    world.reserved(key, 100, 10)


def test_defaults_let_nothing_out(world: World) -> None:
    world.frontier.caps = Caps()
    world.local(10**6)
    assert names(world.refused(world.key(), 1, 1)) == ["fleet_day", "fleet_month"]


def test_a_closed_frontier_opens_at_its_time(world: World, time: Time) -> None:
    key = world.key()
    with world.store.transaction() as connection:
        close_frontier(connection, START_MS + 100, "restored")
    refusal = world.refused(key, 1)
    assert (names(refusal), refusal.reopens_ms) == (["closed"], START_MS + 100)
    time.run(100)
    world.reserved(key, 1)


def test_a_refusal_is_told_to_programs(world: World) -> None:
    world.frontier.caps = Caps(1_000_000)
    told = json.loads(json.dumps(world.refused(world.key(), 1, 1).as_json()))
    assert told["code"] == CAPPED
    assert told["problem"] is None
    assert told["caps"][0] == {
        "name": "fleet_day", "unit": "nano_usd", "limit": 0, "used": 0, "left": 0, "reopens_ms": None,
    }  # fmt: skip


def test_caps_out_of_range_are_refused() -> None:
    with pytest.raises(FreeholdError, match="share_ppm"):
        Caps(share_ppm=1_000_001)
    with pytest.raises(FreeholdError, match="nano_usd_per_day"):
        Caps(nano_usd_per_day=-1)
    assert OPEN_CAPS.share_ppm == 1_000_000


@pytest.mark.parametrize(
    ("frontier", "local", "within"), [(1, 19, True), (1, 18, False), (50, 950, True), (0, 0, True)]
)
def test_the_share_is_exact(frontier: int, local: int, within: bool) -> None:  # noqa: FBT001  an expectation
    assert within_share(SHARE, frontier, local) is within
