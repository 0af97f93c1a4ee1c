"""The thread that writes usage rows: whoever serves a request never waits for a disk.

While the ledger cannot be written, rows wait in memory up to a bound; what is beyond is lost, counted, and put on
record when the ledger is back. The thread tries again by itself, with a growing pause.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice

from freehold.errors import FreeholdError
from freehold.ledger.clock import LedgerClock
from freehold.ledger.store import Store
from freehold.ledger.usage import UsageRow, insert, lose

INTERVAL_SECONDS = 0.04
"""Rows of this long share a commit: with the commit itself a row is on the disk within 50 ms."""

BATCH = 4096
MOST_PENDING = 20_000
"""About a minute of 300 requests a second; tests/bench/ledger.py tells what that takes in memory."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0


class UsageWriter:
    """Takes rows from any thread. ``open_store`` is called in the writer's own thread, again after each failure."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        clock: LedgerClock,
        *,
        interval: float = INTERVAL_SECONDS,
        most_pending: int = MOST_PENDING,
    ) -> None:
        self._open_store, self._clock = open_store, clock
        self._interval, self._most = interval, most_pending
        self._rows: deque[UsageRow] = deque()
        self._state = threading.Condition()
        self._hurry = self._closing = self._ended = False
        self._unrecorded = [0, 0, 0]  # rows, prompt and completion tokens that were lost and are not on record yet
        self._store: Store | None = None
        self._problem: FreeholdError | None = None
        self.lost_rows = self.refused_rows = self.written_rows = 0
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, row: UsageRow) -> bool:
        """Take a row; never waits. False where it is lost, because too many wait already or the writer has closed."""
        with self._state:
            if len(self._rows) >= self._most or self._closing:
                self._lose(row)
                return False
            self._rows.append(row)
            if len(self._rows) == 1:
                self._state.notify_all()
            return True

    @property
    def pending(self) -> int:
        """Rows that are not on the disk yet."""
        return len(self._rows)

    @property
    def writable(self) -> bool:
        """False from a failed commit until the next good one."""
        return self._problem is None

    @property
    def problem(self) -> FreeholdError | None:
        """Why it is not writable."""
        return self._problem

    def flush(self, timeout: float) -> bool:
        """Write what waits; true if all of it is on the disk within ``timeout`` seconds."""
        with self._state:
            self._hurry = True
            self._state.notify_all()
            return self._state.wait_for(lambda: not self._rows or self._ended, timeout) and not self._rows

    def close(self, timeout: float) -> int:
        """Write what waits and end; returns how many rows could not be written, which are lost."""
        with self._state:
            self._closing = self._hurry = True
            self._state.notify_all()
        self._thread.join(timeout)
        with self._state:
            left = len(self._rows)
            self.lost_rows += left
            return left

    def _lose(self, row: UsageRow) -> None:
        self.lost_rows += 1
        for place, count in enumerate((1, row.prompt, row.completion)):
            self._unrecorded[place] += count

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._wait_for_rows():
            if self._write():
                pause = FIRST_PAUSE_SECONDS
                continue
            if self._closing:
                break  # the last attempt
            self._rest(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._drop_store()
        with self._state:
            self._ended = True
            self._state.notify_all()

    def _wait_for_rows(self) -> bool:
        """Wait for a row, then for those that come within the interval; false once closed and empty."""
        with self._state:
            self._state.wait_for(lambda: self._rows or self._closing)
            self._gather()
            return bool(self._rows)

    def _gather(self) -> None:
        end = time.monotonic() + self._interval
        while not self._hurry and len(self._rows) < BATCH and (left := end - time.monotonic()) > 0:
            self._state.wait(left)
        self._hurry = self._closing

    def _rest(self, seconds: float) -> None:
        with self._state:
            self._state.wait_for(lambda: self._hurry, seconds)

    def _write(self) -> bool:
        with self._state:
            batch, lost = list(islice(self._rows, BATCH)), tuple(self._unrecorded)
        try:
            refused = self._commit(batch, lost)
        except FreeholdError as error:
            self._problem = error
            self._drop_store()
            return False
        with self._state:
            for _ in batch:
                self._rows.popleft()
            self._unrecorded = [now - then for now, then in zip(self._unrecorded, lost, strict=True)]
            self._problem, self.refused_rows = None, self.refused_rows + refused
            self.written_rows += len(batch) - refused
            self._state.notify_all()
        return True

    def _commit(self, batch: list[UsageRow], lost: tuple[int, ...]) -> int:
        if self._store is None:
            self._store = self._open_store()
        with self._store.transaction() as connection:
            now = self._clock.record(connection)
            refused = insert(connection, batch)
            if lost[0]:
                lose(connection, now, [(lost[0], lost[1], lost[2])])
            return refused

    def _drop_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()
