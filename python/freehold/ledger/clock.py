"""What time it is in the ledger: it never goes back, and nobody can make a new day by setting a clock.

It starts at the wall clock or where the ledger left off, whichever is later, and runs on with the machine's monotonic
clock. A wall clock that runs ahead of it by more than :data:`TOLERANCE_MS` is not followed but reported
(:attr:`LedgerClock.stepped`): nothing leaves until the owner has said which is right. Within one boot this holds over
restarts too, because the ledger remembers the monotonic clock beside the time.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from freehold.ledger.periods import MINUTE_MS
from freehold.ledger.store import Store, get_meta, set_meta

TOLERANCE_MS = 5 * MINUTE_MS
"""Far more than a time service corrects while running, far less than a day."""

ACCEPTED = "clock_accepted"
"""In the table ``meta``."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NANOSECONDS_IN_MS = 1_000_000

Nanoseconds = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Remembered:
    """The last time on record, and what the monotonic clock of boot ``boot`` said then."""

    ms: int
    boot: str
    boot_ms: int


class LedgerClock:
    """``wall`` and ``monotonic`` return nanoseconds; ``monotonic`` counts suspended time and starts with ``boot``.

    Only the gateway's own ``keeps`` the ledger's time; a command's looks at it.
    """

    def __init__(
        self,
        remembered: Remembered | None,
        *,
        wall: Nanoseconds,
        monotonic: Nanoseconds,
        boot: str,
        keeps: bool = True,
    ) -> None:
        self._keeps = keeps
        self._wall, self._monotonic, self._boot = wall, monotonic, boot
        self._began = monotonic() // NANOSECONDS_IN_MS
        self._base = self._first(remembered, wall() // NANOSECONDS_IN_MS)

    def _first(self, remembered: Remembered | None, wall: int) -> int:
        if remembered is None:
            return wall
        elapsed = self._began - remembered.boot_ms
        if not self._boot or remembered.boot != self._boot or elapsed < 0:
            return max(wall, remembered.ms)
        expected = remembered.ms + elapsed
        return expected if wall - expected > TOLERANCE_MS else max(wall, expected)

    def now_ms(self) -> int:
        """UNIX milliseconds; never less than what was returned before."""
        return self._base + self._monotonic() // NANOSECONDS_IN_MS - self._began

    @property
    def drift_ms(self) -> int:
        """How far the wall clock is ahead of this one; negative where it is behind."""
        return self._wall() // NANOSECONDS_IN_MS - self.now_ms()

    @property
    def stepped(self) -> int:
        """How far the wall clock has run ahead, in ms, where that is more than the tolerance; else 0."""
        drift = self.drift_ms
        return drift if drift > TOLERANCE_MS else 0

    def accept(self) -> int:
        """Follow the wall clock forward because its owner said that it is right; returns by how many ms."""
        ahead = max(0, self.drift_ms)
        self._base += ahead
        return ahead

    def record(self, connection: sqlite3.Connection) -> int:
        """Remember the time, in the caller's transaction; returns it. An earlier time never replaces a later one."""
        now = self.now_ms()
        if not self._keeps:
            return now
        connection.execute(
            "INSERT INTO clock VALUES (1, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " ms = excluded.ms, boot = excluded.boot, boot_ms = excluded.boot_ms WHERE excluded.ms >= ms",
            (now, self._boot, self._monotonic() // NANOSECONDS_IN_MS),
        )
        return now


def remembered(store: Store) -> Remembered | None:
    """What the ledger knows of the time."""
    with store.reading() as connection:
        row = connection.execute("SELECT ms, boot, boot_ms FROM clock").fetchone()
    return Remembered(*row) if row else None


def accept_wall(store: Store, ahead_ms: int) -> None:
    """Leave word that the wall clock is right, so far ahead. For the owner's command, in a process of its own."""
    with store.transaction() as connection:
        set_meta(connection, ACCEPTED, ahead_ms)


def follow_owner(store: Store, clock: LedgerClock) -> bool:
    """Do what :func:`accept_wall` left word of, once; for the gateway, at its start and while it runs.

    The word is of one step: another one waits for another word. It costs nothing while the clock is right.
    """
    ahead = clock.stepped
    if not ahead:
        return False
    with store.reading() as connection:
        if abs(int(get_meta(connection, ACCEPTED, 0)) - ahead) > TOLERANCE_MS:
            return False
    with store.transaction() as connection:
        clock.accept()
        set_meta(connection, ACCEPTED, 0)
        clock.record(connection)
    return True


def of_machine(store: Store, boot_id: Path = BOOT_ID) -> LedgerClock:
    """The clock of this machine for this ledger."""
    try:
        boot = boot_id.read_text(encoding="ascii").strip()
    except OSError:
        boot = ""  # then only the recorded time counts, as after a reboot
    return LedgerClock(remembered(store), wall=time.time_ns, monotonic=_boot_ns, boot=boot)


def of_command(store: Store) -> LedgerClock:
    """The clock of a command beside the gateway: it goes on from the gateway's last word, and leaves no word itself.

    It does not ask which boot this is: a service's view of /proc is its own, and in a container the two disagree. What
    the one took for a reboot would be the end of the other's memory of how the wall clock ran. After a real reboot,
    until the gateway has started, this clock may be late.
    """
    known = remembered(store)
    boot = known.boot if known is not None else ""
    return LedgerClock(known, wall=time.time_ns, monotonic=_boot_ns, boot=boot, keeps=False)


def _boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
