"""Measures the ledger here and now: ``.venv/bin/python -m tests.bench.ledger [FOLDER]``. Prints a table.

FOLDER decides which disk is measured (default: the folder for temporary files). Each figure is the median of the rounds
with its range; CPU is this process's, all threads. The machine may be shared: compare rows of one run.
"""

from __future__ import annotations

import os
import platform
import resource
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from freehold.ledger import clock as clocks
from freehold.ledger.caps import Amount, Caps
from freehold.ledger.exceptions import Ask
from freehold.ledger.frontier import Ending, Frontier, Refusal, Reservation
from freehold.ledger.key_records import Key, KeyLimits
from freehold.ledger.keys import KeyTable, KeyWatch
from freehold.ledger.quota import Quota, Ticket
from freehold.ledger.store import Store
from freehold.ledger.usage import UsageRow
from freehold.ledger.writer import UsageWriter

ROUNDS = 5
RESERVATIONS, ROWS, QUOTAS = 1000, 20_000, 50_000
PACE_SECONDS, PACE_RATE = 5.0, 1000
CAPS = Caps(share_ppm=1_000_000, nano_usd_per_day=10**17, nano_usd_per_month=10**17)
LIMITS = KeyLimits(requests_per_minute=10**6, tokens_per_day=10**12, concurrent=100, frontier=True)


@dataclass(frozen=True)
class Used:
    """Tokens of one answer."""

    prompt: int = 800
    cached: int = 200
    completion: int = 150


@dataclass(frozen=True)
class Bench:
    """One ledger to measure."""

    store: Store

    @property
    def clock(self) -> clocks.LedgerClock:
        """The machine's."""
        return clocks.of_machine(self.store)

    def key(self) -> Key:
        """A key that may do everything."""
        return KeyTable(self.store, self.clock).create("bench", "0" * 64, LIMITS)


def main() -> None:
    """Measure and print."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    before = _rss()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}, load at the start {os.getloadavg()[0]:.1f}, {ROUNDS} rounds\n")
    print("| what | a second, median (range) | CPU µs each | note |\n|---|---|---|---|")
    for what, count, work in (
        ("bare commits of one row (SQLite, FULL)", RESERVATIONS, bare),
        ("reserve, committed", RESERVATIONS, reserve),
        ("reserve and settle", RESERVATIONS, reserve_and_settle),
        ("reserve, refused by the share", RESERVATIONS, refused),
        ("rows through the writer, closed loop", ROWS, rows),
        ("quota: start and settle", QUOTAS, quota),
        ("KeyWatch.changed(), nothing changed", QUOTAS, watch),
    ):
        _row(folder, what, count, work)
    _paced(folder)
    print(f"\nresident memory: {before:.0f} MB before, {_rss():.0f} MB now; {_waiting(folder)}")


def _row(folder: Path | None, what: str, count: int, work: Callable[[Bench, int], None]) -> None:
    rates, cpus = [], []
    for _ in range(ROUNDS):
        with (
            tempfile.TemporaryDirectory(dir=folder) as place,
            Store.open(Path(place) / "l" / "ledger.sqlite3") as store,
        ):
            bench, cpu, started = Bench(store), time.process_time(), time.perf_counter()
            work(bench, count)
            rates.append(count / (time.perf_counter() - started))
            cpus.append((time.process_time() - cpu) / count * 1e6)
    print(f"| {what} | {_spread(rates)} | {statistics.median(cpus):.1f} | n={count} |")


def bare(bench: Bench, count: int) -> None:
    """The disk's own speed, for comparison."""
    with sqlite3.connect(bench.store.path, isolation_level=None) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        for number in range(count):
            connection.execute("INSERT INTO losses VALUES (?, 1, 1, 1)", (number,))


def reserve(bench: Bench, count: int) -> None:
    """Reservations that stay open."""
    frontier, ask = Frontier(bench.store, bench.clock, CAPS), _ask(bench.key())
    for _ in range(count):
        _let_out(frontier.reserve(ask))


def reserve_and_settle(bench: Bench, count: int) -> None:
    """The whole way of an exception: two commits."""
    frontier, ask = Frontier(bench.store, bench.clock, CAPS), _ask(bench.key())
    for _ in range(count):
        frontier.settle(_let_out(frontier.reserve(ask)).id, Used(), 1000, Ending("answered"))


def refused(bench: Bench, count: int) -> None:
    """What a client costs that asks again and again."""
    frontier, ask = Frontier(bench.store, bench.clock, Caps(share_ppm=1)), _ask(bench.key())
    for _ in range(count):
        if not isinstance(frontier.reserve(ask), Refusal):
            raise TypeError("the share let it out")


def rows(bench: Bench, count: int) -> None:
    """As many rows as the writer takes."""
    with_room = UsageWriter(lambda: Store.open(bench.store.path), bench.clock, most_pending=count)
    with_room.start()
    for number in range(count):
        with_room.put(_usage(number))
    if with_room.close(60):
        raise AssertionError("rows were left")


def quota(bench: Bench, count: int) -> None:
    """One request's checks in memory."""
    limits = Quota(bench.clock.now_ms)
    for _ in range(count):
        ticket = limits.start("bench", LIMITS, 1000)
        if isinstance(ticket, Ticket):
            limits.settle(ticket, 100)


def watch(bench: Bench, count: int) -> None:
    """What a gateway asks before each request, or each second."""
    watching = KeyWatch(KeyTable(bench.store, bench.clock))
    for _ in range(count):
        watching.changed()


def _paced(folder: Path | None) -> None:
    """The writer at a steady rate: CPU of a core, less that of the same loop without it."""
    with tempfile.TemporaryDirectory(dir=folder) as place, Store.open(Path(place) / "l" / "ledger.sqlite3") as store:
        clock = clocks.of_machine(store)
        writer = UsageWriter(lambda: Store.open(store.path), clock)
        writer.start()
        with_writer, alone = _pace(writer.put), _pace(lambda _: True)
        if writer.close(60):
            raise AssertionError("rows were left")
    share = (with_writer - alone) / PACE_SECONDS * 100
    each = (with_writer - alone) / (PACE_SECONDS * PACE_RATE) * 1e6
    print(f"| rows through the writer, paced | {PACE_RATE:,} | {each:.1f} | {share:.1f} % of a core |")


def _pace(put: Callable[[UsageRow], bool]) -> float:
    pause, cpu, started, done = threading.Event(), time.process_time(), time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < PACE_SECONDS:
        for _ in range(int(elapsed * PACE_RATE) - done):
            put(_usage(done))
            done += 1
        pause.wait(0.01)
    return time.process_time() - cpu


def _waiting(folder: Path | None) -> str:
    """Memory of rows that wait because the ledger cannot be written: the writer is not started."""
    with tempfile.TemporaryDirectory(dir=folder) as place, Store.open(Path(place) / "l" / "ledger.sqlite3") as store:
        writer, before = UsageWriter(lambda: store, clocks.of_machine(store)), _rss()
        while writer.put(_usage(writer.pending)):
            pass
        return f"{writer.pending:,} rows that wait take {_rss() - before:.0f} MB"


def _ask(key: Key) -> Ask:
    return Ask(
        "request", key.id, "asked_for", "/v1/chat/completions", "gpt", "big", "acme", "p", Amount(1500, 5_000_000)
    )


def _let_out(said: Reservation | Refusal) -> Reservation:
    if isinstance(said, Refusal):
        raise TypeError(said)
    return said


def _usage(number: int) -> UsageRow:
    return UsageRow(
        f"request-{time.monotonic_ns()}-{number}", time.time_ns() // 10**6, "k_1", "bench", "/v1/chat/completions",
        "tiny-chat", "tiny-chat", "node1", "local", 200, "", "", 800, 200, 150, 420, 35,
    )  # fmt: skip


def _rss() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 10**6


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def _machine() -> str:
    return f"{os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, SQLite {sqlite3.sqlite_version}"


if __name__ == "__main__":
    main()
