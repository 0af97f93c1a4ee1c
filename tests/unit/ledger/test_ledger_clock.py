"""Time in the ledger: it never goes back, and a clock that is set makes no new day."""

from __future__ import annotations

from pathlib import Path

from tests.unit.ledger.world import START_MS, Time

from freehold.ledger import clock as clocks
from freehold.ledger.clock import TOLERANCE_MS, LedgerClock, accept_wall, follow_owner, remembered
from freehold.ledger.periods import DAY_MS, HOUR_MS, day, day_text, month, next_day_ms, next_month_ms
from freehold.ledger.store import Store


def record(clock: LedgerClock, store: Store) -> None:
    with store.transaction() as connection:
        clock.record(connection)


def test_it_starts_at_the_wall_clock_and_runs_with_the_monotonic_one(store: Store, time: Time) -> None:
    clock = time.clock(store)
    assert clock.now_ms() == START_MS
    time.run(1234)
    assert clock.now_ms() == START_MS + 1234
    assert clock.stepped == 0


def test_a_step_back_changes_nothing(store: Store, time: Time) -> None:
    clock = time.clock(store)
    time.step(-3 * DAY_MS)
    time.run(10)
    assert clock.now_ms() == START_MS + 10
    assert clock.stepped == 0
    assert clock.drift_ms == -3 * DAY_MS
    record(clock, store)
    time.run(5)
    assert time.clock(store).now_ms() == START_MS + 15


def test_a_step_forward_is_noticed_and_not_followed(store: Store, time: Time) -> None:
    clock = time.clock(store)
    time.step(TOLERANCE_MS)
    assert clock.stepped == 0
    time.step(1)
    assert clock.stepped == TOLERANCE_MS + 1
    assert clock.now_ms() == START_MS
    time.step(-1)  # somebody put it right again
    assert clock.stepped == 0


def test_small_steps_add_up(store: Store, time: Time) -> None:
    clock = time.clock(store)
    for _ in range(3):
        time.step(2 * 60_000)
        time.run(HOUR_MS)
    assert clock.stepped == 6 * 60_000


def test_a_restart_does_not_hide_a_step(store: Store, time: Time) -> None:
    record(time.clock(store), store)
    time.run(1000)
    time.step(DAY_MS)
    again = time.clock(store)
    assert again.now_ms() == START_MS + 1000
    assert again.stepped == DAY_MS


def test_the_owner_accepts_a_step(store: Store, time: Time) -> None:
    clock = time.clock(store)
    record(clock, store)
    time.step(DAY_MS)
    assert clock.accept() == DAY_MS
    assert clock.stepped == 0
    assert clock.now_ms() == START_MS + DAY_MS


def test_the_owners_word_is_followed_once_by_a_clock_that_runs(store: Store, time: Time) -> None:
    clock = time.clock(store)
    record(clock, store)
    time.step(DAY_MS)
    assert not follow_owner(store, clock), "nobody said anything"
    accept_wall(store, HOUR_MS)
    assert not follow_owner(store, clock), "that was word of another step"
    accept_wall(store, DAY_MS)
    assert follow_owner(store, clock)
    assert (clock.stepped, clock.now_ms()) == (0, START_MS + DAY_MS)
    time.step(DAY_MS)
    assert not follow_owner(store, clock), "that was another step"


def test_and_by_the_next_start(store: Store, time: Time) -> None:
    record(time.clock(store), store)
    time.step(DAY_MS)
    accept_wall(store, DAY_MS)
    clock = time.clock(store)
    assert follow_owner(store, clock)
    assert time.clock(store).now_ms() == START_MS + DAY_MS


def test_after_a_reboot_the_later_of_wall_and_record_counts(store: Store, time: Time) -> None:
    record(time.clock(store), store)
    time.reboot(off_ms=HOUR_MS)
    assert time.clock(store).now_ms() == START_MS + HOUR_MS
    time.step(-DAY_MS)  # a dead battery
    assert time.clock(store).now_ms() == START_MS


def test_time_counts_while_the_gateway_is_down_even_if_the_wall_clock_goes_back(store: Store, time: Time) -> None:
    record(time.clock(store), store)
    time.run(HOUR_MS)
    time.step(-DAY_MS)
    assert time.clock(store).now_ms() == START_MS + HOUR_MS


def test_an_earlier_record_never_replaces_a_later_one(store: Store, time: Time) -> None:
    early = time.clock(store)
    late = Time(START_MS + 1000).clock(store)
    record(late, store)
    record(early, store)
    said = remembered(store)
    assert said is not None
    assert said.ms == START_MS + 1000


def test_the_machines_clock_knows_its_boot(store: Store, tmp_path: Path) -> None:
    clock = clocks.of_machine(store)
    record(clock, store)
    said = remembered(store)
    assert said is not None
    assert len(said.boot) == 36
    assert abs(clock.drift_ms) < 1000
    assert clocks.of_machine(store, tmp_path / "none").now_ms() >= said.ms


def test_periods() -> None:
    assert day_text(day(START_MS)) == "2026-11-21"
    assert month(START_MS) == 202611
    assert next_day_ms(START_MS) - START_MS == 13 * HOUR_MS + HOUR_MS // 2
    assert month(next_month_ms(START_MS)) == 202612
    december = next_month_ms(START_MS)
    assert month(next_month_ms(december)) == 202701
    assert month(next_month_ms(december) - 1) == 202612


def test_a_commands_clock_goes_on_from_the_gateways_and_leaves_no_word(store: Store, tmp_path: Path) -> None:
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("what the gateway's service sees")
    gateway = clocks.of_machine(store, boot_id)
    with store.transaction() as connection:
        gateway.record(connection)
        connection.execute("UPDATE clock SET ms = ms - ?", (HOUR_MS,))
    before = remembered(store)
    assert before is not None
    command = clocks.of_command(store)
    assert abs(command.now_ms() - before.ms) < TOLERANCE_MS
    assert command.stepped > TOLERANCE_MS, "it sees what the gateway will see"
    record(command, store)
    assert remembered(store) == before
    assert clocks.of_machine(store, boot_id).stepped > TOLERANCE_MS


def test_a_commands_clock_of_a_ledger_that_no_gateway_has_opened_is_the_walls(store: Store) -> None:
    clock = clocks.of_command(store)
    assert (clock.stepped, abs(clock.drift_ms) < TOLERANCE_MS) == (0, True)
