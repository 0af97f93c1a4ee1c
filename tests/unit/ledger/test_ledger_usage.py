"""Rows and their totals agree, whatever is written twice, wrongly, or while the disk is full."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.ledger.world import START_MS, Time, World, row

from freehold.errors import RefusedError
from freehold.ledger import usage
from freehold.ledger.audit import audit
from freehold.ledger.periods import DAY_MS
from freehold.ledger.store import Store
from freehold.ledger.usage import LONGEST_TEXT, UsageRow, insert, prune, tokens_of_day
from freehold.ledger.writer import UsageWriter

LIMIT_SECONDS = 10.0


def write(store: Store, *rows: UsageRow) -> int:
    with store.transaction() as connection:
        return insert(connection, rows)


def one(store: Store, statement: str) -> tuple[Any, ...]:
    with store.reading() as connection:
        return tuple(connection.execute(statement).fetchone())


def test_totals_are_kept_with_the_rows(store: Store) -> None:
    write(store, row("a", prompt=10, completion=3), row("b", prompt=1), row("c", START_MS + DAY_MS, prompt=5))
    assert tokens_of_day(store, START_MS) == {"k_1": 14}
    assert tokens_of_day(store, START_MS + DAY_MS) == {"k_1": 5}
    assert one(store, "SELECT sum(requests), sum(prompt), sum(completion) FROM totals") == (3, 16, 3)
    assert one(store, "SELECT sum(tokens) FROM local_hours WHERE node = ''") == (19,)
    assert audit(store) == []


def test_a_row_written_twice_counts_once(store: Store) -> None:
    write(store, row("a", prompt=10))
    write(store, row("a", prompt=10), row("b", prompt=1), row("b", prompt=99))
    assert tokens_of_day(store, START_MS) == {"k_1": 11}
    assert audit(store) == []


def test_the_frontier_and_what_nothing_served_are_no_local_tokens(store: Store) -> None:
    write(store, row("a", prompt=10)._replace(route="frontier"), row("b", prompt=3)._replace(route="peer"))
    write(store, row("c")._replace(route="", status=401))
    assert one(store, "SELECT sum(tokens) FROM local_hours") == (3,)


@pytest.mark.parametrize(
    "bad",
    [
        {"prompt": -1},
        {"completion": -5},
        {"cached": 2},
        {"nano_usd": -1},
        {"route": "moon"},
        {"prompt": 10**30},
        {"prompt": 10**12},
        {"at_ms": "soon"},
        {"status": None},
    ],
)
def test_one_bad_row_is_refused_and_the_others_are_written(store: Store, bad: dict[str, Any]) -> None:
    assert write(store, row("a", prompt=1), row("bad", prompt=1)._replace(**bad), row("c", prompt=1)) == 1
    assert tokens_of_day(store, START_MS) == {"k_1": 2}
    assert audit(store) == []


def test_half_a_surrogate_pair_in_a_name_is_written_as_a_question_mark(store: Store) -> None:
    assert write(store, row("a")._replace(asked="gpt\ud800" + "x" * 1000)) == 0
    asked = one(store, "SELECT asked FROM usage")[0]
    assert asked.startswith("gpt?x")
    assert len(asked) == LONGEST_TEXT


def test_old_rows_go_and_totals_stay(store: Store) -> None:
    write(store, row("old", prompt=10), row("new", START_MS + 5 * DAY_MS, prompt=1))
    assert prune(store, START_MS + 5 * DAY_MS, keep_days=4) == 1
    assert prune(store, START_MS + 5 * DAY_MS, keep_days=4) == 0
    assert one(store, "SELECT count(*) FROM usage") == (1,)
    assert tokens_of_day(store, START_MS) == {"k_1": 10}
    write(store, row("old", prompt=10))  # played back long after
    assert tokens_of_day(store, START_MS) == {"k_1": 10}
    assert audit(store) == []


def test_many_old_rows_go_in_several_steps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "PRUNED_AT_ONCE", 10)
    write(store, *(row(f"old-{number}", prompt=1) for number in range(35)))
    write(store, *(row(f"new-{number}", START_MS + 9 * DAY_MS, prompt=1) for number in range(35)))
    assert prune(store, START_MS + 9 * DAY_MS, keep_days=4) == 35
    assert audit(store) == []


def test_the_audit_finds_a_sum_that_was_changed(store: Store) -> None:
    write(store, row("a", prompt=10))
    with store.transaction() as connection:
        connection.execute("UPDATE totals SET prompt = 9")
    assert "rows say (1, 10, 0, 0, 0), the sum says (1, 9, 0, 0, 0)" in audit(store)[0]


def healed(writing: UsageWriter) -> bool:
    return writing.writable and writing.problem is None


class Disk:
    """Opens the ledger for the writer; tests make it fail, or full."""

    def __init__(self, path: Path) -> None:
        self.path, self.broken, self.opened = path, False, 0
        self.tried = threading.Event()

    def __call__(self) -> Store:
        self.opened += 1
        if self.broken:
            self.tried.set()
            raise RefusedError("LEDGER_UNWRITABLE", str(self.path), "no space left")
        return Store.open(self.path)


@pytest.fixture
def disk(path: Path, store: Store) -> Disk:
    return Disk(store.path if store else path)


@pytest.fixture
def writer(disk: Disk, world: World) -> Iterator[Callable[..., UsageWriter]]:
    made: list[UsageWriter] = []

    def make(**settings: Any) -> UsageWriter:
        made.append(UsageWriter(disk, world.clock, **settings))
        made[-1].start()
        return made[-1]

    yield make
    for one_writer in made:
        one_writer.close(LIMIT_SECONDS)


def test_rows_reach_the_file_by_themselves(store: Store, writer: Callable[..., UsageWriter]) -> None:
    writing = writer(interval=0.001)
    assert all(writing.put(row(f"r{number}", prompt=1)) for number in range(100))
    done = threading.Event()
    end = 1000
    while writing.written_rows < 100 and end:  # nobody asks it to hurry
        done.wait(0.005)
        end -= 1
    assert tokens_of_day(store, START_MS) == {"k_1": 100}
    assert (writing.pending, writing.lost_rows, writing.writable) == (0, 0, True)


def test_closing_writes_what_waits(store: Store, writer: Callable[..., UsageWriter]) -> None:
    writing = writer(interval=60.0)
    for number in range(10):
        writing.put(row(f"r{number}", prompt=1))
    assert writing.close(LIMIT_SECONDS) == 0
    assert tokens_of_day(store, START_MS) == {"k_1": 10}
    assert not writing.put(row("late"))
    assert writing.lost_rows == 1


def test_rows_wait_while_it_is_unwritable_and_those_beyond_the_bound_are_on_record(
    store: Store, disk: Disk, writer: Callable[..., UsageWriter]
) -> None:
    disk.broken = True
    writing = writer(interval=0.001, most_pending=10)
    taken = [writing.put(row(f"r{number}", prompt=2)) for number in range(13)]
    assert taken == [True] * 10 + [False] * 3
    assert disk.tried.wait(LIMIT_SECONDS)
    assert not writing.flush(0.2)
    assert writing.problem is not None
    assert (writing.pending, writing.lost_rows) == (10, 3)
    disk.broken = False
    assert writing.flush(LIMIT_SECONDS)
    assert (writing.pending, writing.lost_rows) == (0, 3)
    assert healed(writing)
    assert tokens_of_day(store, START_MS) == {"k_1": 20}
    assert one(store, "SELECT rows, prompt, completion FROM losses") == (3, 6, 0)


def test_a_full_disk_loses_nothing_once_there_is_room(path: Path, store: Store, world: World) -> None:
    """The file itself says that it is full, in the middle of a batch."""
    opened: list[Store] = []

    def full() -> Store:
        fresh = Store.open(path)
        if not opened:
            with fresh.reading() as connection:
                pages = connection.execute("PRAGMA page_count").fetchone()[0]
                connection.execute(f"PRAGMA max_page_count = {pages}")
        opened.append(fresh)
        return fresh

    writing = UsageWriter(full, world.clock, interval=0.001)
    for number in range(500):
        writing.put(row(f"r{number}", prompt=1))
    writing.start()
    assert writing.flush(LIMIT_SECONDS)
    assert writing.close(LIMIT_SECONDS) == 0
    assert len(opened) == 2
    assert tokens_of_day(store, START_MS) == {"k_1": 500}


def test_an_end_while_unwritable_says_how_much_is_lost(disk: Disk, writer: Callable[..., UsageWriter]) -> None:
    disk.broken = True
    writing = writer(interval=0.001)
    for number in range(4):
        writing.put(row(f"r{number}"))
    assert writing.close(LIMIT_SECONDS) == 4
    assert writing.lost_rows == 4


def test_refused_rows_are_counted(writer: Callable[..., UsageWriter]) -> None:
    writing = writer(interval=0.001)
    writing.put(row("a")._replace(prompt=-3))
    writing.put(row("b"))
    assert writing.flush(LIMIT_SECONDS)
    assert (writing.refused_rows, writing.written_rows) == (1, 1)


def test_many_threads_put_rows(store: Store, writer: Callable[..., UsageWriter]) -> None:
    writing = writer(interval=0.001)

    def put(worker: int) -> None:
        for number in range(200):
            writing.put(row(f"{worker}-{number}", prompt=1))

    threads = [threading.Thread(target=put, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writing.flush(LIMIT_SECONDS)
    assert tokens_of_day(store, START_MS) == {"k_1": 800}


def test_the_time_is_recorded_with_each_batch(
    store: Store, time: Time, world: World, writer: Callable[..., UsageWriter]
) -> None:
    time.run(DAY_MS)
    writing = writer(interval=0.001)
    writing.put(row("a"))
    assert writing.flush(LIMIT_SECONDS)
    assert one(store, "SELECT ms FROM clock") == (world.clock.now_ms(),)
