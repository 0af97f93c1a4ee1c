"""What a killed `pulumi` leaves in the state: its lock, and operations that it had begun. Explained, and cleared.

Both are read from the file backend itself, so that the usual case (nothing is left) costs no start of the CLI. Clearing
is the CLI's business. A lock is cleared only when its holder is known to be gone: a process of this host
that runs no more.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import LockedError
from freehold.fleet import state_backup_copies
from freehold.fleet.pulumi_environment import PROJECT_NAME, PulumiFolders
from freehold.process import Runner, run


@dataclass(frozen=True)
class Lock:
    """Who holds the state, where, and since when."""

    who: str
    where: str
    process: int
    since: str

    def __str__(self) -> str:
        return f"process {self.process} of {self.who} on {self.where}, since {self.since}"


@dataclass(frozen=True)
class Left:
    """What an earlier run left behind. ``pending`` has the names of resources whose creation was cut off."""

    locks: tuple[Lock, ...] = ()
    pending: tuple[str, ...] = ()


def look(folders: PulumiFolders, stack: str) -> Left:
    """Read the locks and the pending operations of a stack."""
    place = state_backup_copies.Place(folders.backend, stack)
    latest = (_json(place.file).get("checkpoint") or {}).get("latest") or {}
    urns = (operation["resource"]["urn"] for operation in latest.get("pending_operations") or ())
    return Left(locks(place), tuple(urn.rsplit("::", 1)[-1] for urn in urns))


def locks(place: state_backup_copies.Place) -> tuple[Lock, ...]:
    """The locks of a stack, of living holders and of dead ones."""
    files = sorted((place.backend / ".pulumi" / "locks").glob(f"**/{PROJECT_NAME}/{place.stack}/*.json"))
    return tuple(_lock(_json(file)) for file in files)


def refuse_live(found: Sequence[Lock], stack: str, is_alive: Callable[[Lock], bool] | None = None) -> None:
    """Raise :class:`LockedError` while a holder may still be at work."""
    for lock in found:
        if (is_alive or runs_here)(lock):
            raise _held(stack, lock)


def mend(
    folders: PulumiFolders,
    stack: str,
    *,
    env: Mapping[str, str],
    cwd: Path,
    runner: Runner = run,
    is_alive: Callable[[Lock], bool] | None = None,
) -> list[str]:
    """Clear what is left and say what that was; raises :class:`LockedError` while a holder may still be at work."""
    left = look(folders, stack)
    refuse_live(left.locks, stack, is_alive)
    told = [f"cleared the lock of {lock}, which runs no more" for lock in left.locks]
    if left.locks:
        runner(["pulumi", "cancel", stack, "--yes"], cwd=cwd, env=env)
    if left.pending:
        place = state_backup_copies.Place(folders.backend, stack)
        state_backup_copies.save(place, "before")
        words = ["pulumi", "refresh", "--clear-pending-creates", "--yes", "--skip-preview", "--non-interactive"]
        runner([*words, "--stack", stack], cwd=cwd, env=env)
        state_backup_copies.save(place, "after")
        told.append(f"forgot the cut-off creation of {', '.join(left.pending)}: it is safe to repeat")
    return told


def runs_here(lock: Lock) -> bool:
    """Whether the holder may still run: on another host nobody can tell from here, so it may."""
    if lock.where != socket.gethostname():
        return True
    try:
        return b"pulumi" in Path(f"/proc/{lock.process}/cmdline").read_bytes()
    except OSError:
        return False


def _lock(data: Mapping[str, Any]) -> Lock:
    since = str(data.get("timestamp", "?")).partition(".")[0]
    return Lock(str(data.get("username", "?")), str(data.get("hostname", "?")), int(data.get("pid", 0)), since)


def _held(stack: str, lock: Lock) -> LockedError:
    return LockedError(
        "STACK_LOCKED",
        f"stack {stack}",
        str(lock),
        expected="no other pulumi at work on this stack",
        why="two of them would undo each other's work",
        fix=f"wait for it to end; if that host is gone for good: pulumi cancel {stack} --yes",
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data
