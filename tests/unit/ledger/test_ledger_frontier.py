"""The valve: what leaves was reserved before, and what is in doubt counts as spent."""

from __future__ import annotations

import pytest
from tests.unit.ledger.world import (
    DONE,
    FREE,
    START_MS,
    Time,
    Tokens,
    World,
    charged,
    names,
)

from freehold.errors import FreeholdError
from freehold.ledger import exceptions
from freehold.ledger.audit import audit
from freehold.ledger.caps import Amount, Caps, spent
from freehold.ledger.exceptions import Ask
from freehold.ledger.frontier import CLOCK_STEPPED, KEY_REFUSED, UNWRITABLE, Ending, Reservation
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.periods import DAY_MS, HOUR_MS, day, month
from freehold.ledger.store import Store
from freehold.ledger.usage import tokens_of_day


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


def test_a_key_that_may_not_or_lives_no_more_lets_nothing_out(world: World, time: Time) -> None:
    assert world.refused(world.key("plain", KeyLimits()), 1).code == KEY_REFUSED
    key = world.key()
    world.keys.revoke("agent", "")
    assert world.refused(key, 1).code == KEY_REFUSED
    short = world.keys.create("short", "0" * 64, FREE, expires_ms=START_MS + 5)
    time.run(5)
    assert world.refused(short, 1).code == KEY_REFUSED


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
