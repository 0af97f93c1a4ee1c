"""The valve: what leaves was reserved before, within every limit, and what is in doubt counts as spent."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.ledger.world import DONE, FREE, OPEN_CAPS, START_MS, USD, Time, Tokens, World, chance, row

from freehold.errors import FreeholdError
from freehold.ledger import exceptions
from freehold.ledger.audit import audit
from freehold.ledger.caps import Amount, Caps, spent, within_share
from freehold.ledger.exceptions import Ask
from freehold.ledger.frontier import CAPPED, CLOCK_STEPPED, KEY_REFUSED, UNWRITABLE, Ending, Refusal, Reservation
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.periods import DAY_MS, HOUR_MS, day, month, next_day_ms, next_month_ms
from freehold.ledger.store import Store, close_frontier
from freehold.ledger.usage import insert, tokens_of_day

SHARE = Caps(share_ppm=50_000, nano_usd_per_day=USD, nano_usd_per_month=USD)


def charged(world: World) -> Amount:
    with world.store.reading() as connection:
        return spent(connection, "day", day(world.clock.now_ms()))


def names(refusal: Refusal) -> list[str]:
    assert refusal.code == CAPPED
    return [cap.name for cap in refusal.caps]


def test_a_reservation_is_on_the_disk_before_it_is_given(world: World, path: object) -> None:
    reservation = world.reserved(world.key(), 100, 7)
    with Store.open(world.store.path) as other, other.reading() as connection:
        (found,) = exceptions.select(connection, "1")
    assert (found.id, found.state, found.charged) == (reservation.id, "open", Amount(100, 7))
    assert path == world.store.path
    assert charged(world) == Amount(100, 7)
    assert audit(world.store) == []


def test_settling_gives_back_what_was_not_used_and_leaves_a_row(world: World, time: Time) -> None:
    key = world.key()
    reservation = world.reserved(key, 100, 70)
    time.run(1500)
    done = world.frontier.settle(
        reservation.id, Tokens(20, 5, 10), 12, Ending("answered", 200, "node1", first_token_ms=40)
    )
    assert (done.state, done.over, done.charged) == ("settled", 0, Amount(30, 12))
    assert charged(world) == Amount(30, 12)
    with world.store.reading() as connection:
        found = connection.execute(
            "SELECT request_id, key_name, route, served, prompt, cached, completion, nano_usd, duration_ms, status"
            " FROM usage"
        ).fetchall()
    assert found == [("r", "agent", "frontier", "acme/big-model", 20, 5, 10, 12, 1500, 200)]
    assert audit(world.store) == []


def test_abandoning_gives_everything_back(world: World) -> None:
    reservation = world.reserved(world.key(), 100, 7)
    world.frontier.abandon(reservation.id, "no connection")
    assert charged(world) == Amount(0, 0)
    assert world.frontier.left_open() == []
    assert audit(world.store) == []


def test_more_than_was_reserved_counts_and_is_flagged(world: World) -> None:
    reservation = world.reserved(world.key(), 100, 7)
    assert world.frontier.settle(reservation.id, Tokens(100, 0, 50), 9, DONE).over == 1
    assert charged(world) == Amount(150, 9)


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


def test_a_key_that_may_not_or_lives_no_more_lets_nothing_out(world: World, time: Time) -> None:
    assert world.refused(world.key("plain", KeyLimits()), 1).code == KEY_REFUSED
    key = world.key()
    world.keys.revoke("agent", "")
    assert world.refused(key, 1).code == KEY_REFUSED
    short = world.keys.create("short", "0" * 64, FREE, expires_ms=START_MS + 5)
    time.run(5)
    assert world.refused(short, 1).code == KEY_REFUSED


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


def test_a_clock_that_jumped_lets_nothing_out_and_opens_no_day(world: World, time: Time) -> None:
    world.frontier.caps = Caps(1_000_000, nano_usd_per_day=10, nano_usd_per_month=100)
    key = world.key()
    world.reserved(key, 1, 10)
    time.step(DAY_MS)
    assert world.refused(key, 1, 1).code == CLOCK_STEPPED
    again = World(world.store, time, world.frontier.caps)  # nor does a restart
    assert again.refused(key, 1, 1).code == CLOCK_STEPPED
    time.step(-2 * DAY_MS)
    assert names(World(world.store, time, world.frontier.caps).refused(key, 1, 1)) == ["fleet_day"]


def test_an_unwritable_ledger_lets_nothing_out(world: World) -> None:
    key = world.key()
    with world.store.reading() as connection:
        connection.execute("PRAGMA query_only = ON")
    refusal = world.refused(key, 1)
    assert refusal.code == UNWRITABLE
    assert refusal.problem is not None
    assert "nothing leaves" in refusal.problem.why
    with world.store.reading() as connection:
        connection.execute("PRAGMA query_only = OFF")
    world.reserved(key, 1)


def test_a_ledger_that_another_process_holds_lets_nothing_out(world: World) -> None:
    key = world.key()
    with Store.open(world.store.path, busy_ms=1) as other, world.store.transaction():
        assert World(other, world.time).refused(key, 1).code == UNWRITABLE


def test_what_a_killed_gateway_left_open_is_spent(world: World, time: Time) -> None:
    key = world.key()
    world.frontier.settle(world.reserved(key, 5, 5, "a").id, Tokens(5), 5, DONE)
    world.reserved(key, 100, 7, "b")
    again = World(world.store, time)
    assert again.frontier.recover() == 1
    assert again.frontier.recover() == 0
    assert charged(again) == Amount(105, 12)
    assert tokens_of_day(world.store, START_MS) == {key.id: 105}
    with world.store.reading() as connection:
        (left,) = exceptions.select(connection, "state = 'unsettled'")
    assert (left.request_id, left.charged) == ("b", Amount(100, 7))
    assert audit(world.store) == []


def test_a_second_attempt_of_a_request_has_a_row_of_its_own(world: World) -> None:
    key = world.key()
    first, second = world.reserved(key, 10), world.reserved(key, 10)
    world.frontier.settle(first.id, Tokens(4), 1, DONE)
    world.frontier.settle(second.id, Tokens(5), 1, DONE)
    assert tokens_of_day(world.store, START_MS) == {key.id: 9}
    assert audit(world.store) == []


def test_what_settles_after_midnight_counts_for_the_day_it_left(world: World, time: Time) -> None:
    reservation = world.reserved(world.key(), 10, 10)
    time.run(14 * HOUR_MS)
    world.frontier.settle(reservation.id, Tokens(4), 3, DONE)
    assert charged(world) == Amount(0, 0)
    with world.store.reading() as connection:
        assert spent(connection, "day", day(START_MS)) == Amount(4, 3)
        assert spent(connection, "month", month(START_MS)) == Amount(4, 3)
    assert audit(world.store) == []


def test_a_reservation_is_closed_once(world: World) -> None:
    reservation = world.reserved(world.key(), 10, 10)
    world.frontier.settle(reservation.id, Tokens(4), 3, DONE)
    before = charged(world)
    for name in (reservation.id, "nobody"):
        with pytest.raises(FreeholdError, match="RESERVATION_NOT_OPEN"):
            world.frontier.settle(name, Tokens(1), 1, DONE)
        with pytest.raises(FreeholdError, match="RESERVATION_NOT_OPEN"):
            world.frontier.abandon(name, "")
    assert charged(world) == before
    assert audit(world.store) == []


@pytest.mark.parametrize(
    "tokens", [Tokens(-1), Tokens(0, 0, -1), Tokens(1, 2), Tokens(1, -1), Tokens(10**12), Tokens(prompt=True)]
)
def test_absurd_tokens_are_refused_and_the_reservation_stays(world: World, tokens: Tokens) -> None:
    reservation = world.reserved(world.key(), 10, 10)
    with pytest.raises(FreeholdError, match="LEDGER_BAD_AMOUNT"):
        world.frontier.settle(reservation.id, tokens, 0, DONE)
    with pytest.raises(FreeholdError, match="LEDGER_BAD_AMOUNT"):
        world.frontier.settle(reservation.id, Tokens(1), -1, DONE)
    assert len(world.frontier.left_open()) == 1
    assert charged(world) == Amount(10, 10)


@pytest.mark.parametrize("worst", [Amount(0, 1), Amount(-5, 1), Amount(5, -1), Amount(10**11, 0), Amount(1, 10**16)])
def test_absurd_asks_are_refused(world: World, worst: Amount) -> None:
    key = world.key()
    with pytest.raises(FreeholdError, match="LEDGER_BAD_AMOUNT"):
        world.reserve(key, worst.tokens, worst.nano_usd)


def test_a_model_name_with_half_a_surrogate_pair_stops_nothing(world: World) -> None:
    key = world.key()
    told = Ask("r", key.id, "asked_for", "/v1/chat/completions", "\ud800", "m", "acme", "p", Amount(1, 1))
    reservation = world.frontier.reserve(told)
    assert isinstance(reservation, Reservation)
    world.frontier.settle(reservation.id, Tokens(1), 1, DONE)


@pytest.mark.parametrize("seed", range(12))
def test_no_interleaving_of_requests_settlements_and_restarts_passes_a_cap(store: Store, time: Time, seed: int) -> None:
    """After each step, what could have been spent by then is within every limit."""
    seeded, caps = chance(seed), Caps(100_000, window_hours=24, nano_usd_per_day=4000, nano_usd_per_month=30_000)
    world = World(store, time, caps)
    limits = KeyLimits(frontier=True, frontier_tokens_per_day=3000, frontier_nano_usd_per_month=9000)
    keys = [world.key("a", limits), world.key("b", limits)]
    let_out: list[Reservation] = []
    passed = 0
    for step in range(250):
        time.run(seeded.randrange(2 * HOUR_MS))
        deed = seeded.random()
        if deed < 0.35:
            with store.transaction() as connection:
                insert(connection, [row(f"l{step}", world.clock.now_ms(), prompt=seeded.randrange(8000))])
        elif deed < 0.75:
            said = world.reserve(seeded.choice(keys), 1 + seeded.randrange(900), seeded.randrange(1500), f"f{step}")
            if isinstance(said, Reservation):
                let_out.append(said)
                passed += 1
                _share_holds(store, world.clock.now_ms(), caps)
        elif deed < 0.85 and let_out:
            one = let_out.pop(seeded.randrange(len(let_out)))
            used, cost = seeded.randrange(one.worst.tokens + 1), seeded.randrange(one.worst.nano_usd + 1)
            world.frontier.settle(one.id, Tokens(used), cost, DONE)
        elif deed < 0.95 and let_out:
            world.frontier.abandon(let_out.pop().id, "not sent")
        else:
            world = World(store, time, caps)
            assert world.frontier.recover() == len(let_out)
            let_out.clear()
    assert passed > 10
    assert audit(store) == []
    _money_holds(store, caps, limits)


def test_processes_at_once_pass_no_cap_and_leave_nothing_over(world: World) -> None:
    """Each has a connection of its own; together they get exactly what there is."""
    world.frontier.caps = caps = Caps(1_000_000, nano_usd_per_day=50, nano_usd_per_month=50)
    key = world.key()

    def greedy(_: int) -> int:
        with Store.open(world.store.path, busy_ms=30_000) as store:
            own = World(store, world.time, caps)
            return sum(isinstance(own.reserve(key, 1, 1), Reservation) for _ in range(25))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(greedy, range(4))) == 50
    assert audit(world.store) == []


def test_a_refusal_is_told_to_programs(world: World) -> None:
    world.frontier.caps = Caps(1_000_000)
    told = json.loads(json.dumps(world.refused(world.key(), 1, 1).as_json()))
    assert told["code"] == CAPPED
    assert told["problem"] is None
    assert told["caps"][0] == {
        "name": "fleet_day", "unit": "nano_usd", "limit": 0, "used": 0, "left": 0, "reopens_ms": None,
    }  # fmt: skip


def _share_holds(store: Store, now_ms: int, caps: Caps) -> None:
    """By the rows, over the exact window: not by the sums that were asked."""
    since = now_ms - caps.window_hours * HOUR_MS
    with store.reading() as connection:
        away = connection.execute("SELECT sum(charged_tokens) FROM exceptions WHERE at_ms > ?", (since,)).fetchone()[0]
        here = connection.execute(
            "SELECT coalesce(sum(prompt + completion), 0) FROM usage WHERE route = 'local' AND at_ms > ?", (since,)
        ).fetchone()[0]
    assert within_share(caps, away, here)


def _money_holds(store: Store, caps: Caps, limits: KeyLimits) -> None:
    with store.reading() as connection:
        rows = exceptions.select(connection, "1")
    for period, most in ((day, caps.nano_usd_per_day), (month, caps.nano_usd_per_month)):
        for number in {period(each.at_ms) for each in rows}:
            assert sum(each.charged_nano_usd for each in rows if period(each.at_ms) == number) <= most
    for key_id, number in {(each.key_id, day(each.at_ms)) for each in rows}:
        own = [each.charged_tokens for each in rows if (each.key_id, day(each.at_ms)) == (key_id, number)]
        assert sum(own) <= (limits.frontier_tokens_per_day or 0)


def test_caps_out_of_range_are_refused() -> None:
    with pytest.raises(FreeholdError, match="share_ppm"):
        Caps(share_ppm=1_000_001)
    with pytest.raises(FreeholdError, match="nano_usd_per_day"):
        Caps(nano_usd_per_day=-1)
    assert OPEN_CAPS.share_ppm == 1_000_000
