"""Control groups: where this machine has them, and how a whole group of processes is counted and ended.

A node's processes are only known as the members of its group: killing nspawn alone leaves the node running, and the
kernel's ``cgroup.kill`` ends every member at once. Both layouts are handled:

- unified (cgroup v2 alone at /sys/fs/cgroup), which is what a Debian 12 machine with systemd has;
- hybrid (v1 controllers, v2 at /sys/fs/cgroup/unified, and a v1 tree named ``systemd``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import PartialError, RefusedError
from freehold.lab.mounts import Mount

END_LIMIT_SECONDS = 10.0
POLL_SECONDS = 0.02
# A unit of systemd lies one level down, in system.slice.
SEARCHED = ("{prefix}*", "*/{prefix}*")


@dataclass(frozen=True)
class Hierarchies:
    """The mount points of the v2 tree and, on a hybrid machine, of systemd's v1 tree."""

    unified: Path
    systemd: Path | None = None

    @property
    def trees(self) -> tuple[Path, ...]:
        """Every tree in which a node needs a group of its own."""
        return (self.unified, self.systemd) if self.systemd else (self.unified,)


def find_hierarchies(mounts: Iterable[Mount]) -> Hierarchies:
    """Pick the trees out of the mount table; raises :class:`RefusedError` when there is no v2 tree."""
    unified = systemd = None
    for mount in mounts:
        if mount.kind == "cgroup2":
            unified = unified or Path(mount.point)
        if mount.kind == "cgroup" and "name=systemd" in mount.options:
            systemd = systemd or Path(mount.point)
    if unified is None:
        raise RefusedError(
            "LAB_NO_CGROUP2",
            "/proc/self/mountinfo",
            "no cgroup2 file system is mounted",
            expected="cgroup v2 at /sys/fs/cgroup or /sys/fs/cgroup/unified",
            why="a node is ended as a group of processes, and only cgroup v2 can do that at once",
            fix="mount -t cgroup2 none /sys/fs/cgroup/unified (after mkdir), or boot with systemd",
        )
    return Hierarchies(unified, systemd)


def create(hierarchies: Hierarchies, name: str) -> tuple[Path, ...]:
    """Make the group in every tree; what exists stays."""
    groups = tuple(tree / name for tree in hierarchies.trees)
    for group in groups:
        group.mkdir(exist_ok=True)
    return groups


def find(hierarchies: Hierarchies, prefix: str) -> list[Path]:
    """The groups whose name begins with ``prefix``, in every tree."""
    patterns = [pattern.format(prefix=prefix) for pattern in SEARCHED]
    return sorted({path for tree in hierarchies.trees for pattern in patterns for path in tree.glob(pattern)})


def populated(group: Path) -> bool:
    """Whether any process lives in a v2 group or below. The kernel says so itself: a dead pid may linger unreaped."""
    with contextlib.suppress(FileNotFoundError, OSError):
        return "populated 1" in (group / "cgroup.events").read_text(encoding="ascii")
    return False


def members(group: Path) -> list[int]:
    """The pids in a group and below it."""
    return sorted({pid for folder in _below(group) for pid in _pids(folder)})


def kill(group: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
    """End every process of a v2 group and wait until the kernel counts none; gone groups are fine."""
    deadline = clock() + END_LIMIT_SECONDS
    while populated(group):
        _kill_once(group)
        if clock() > deadline:
            raise PartialError(
                "LAB_PROCESSES_STAY",
                str(group),
                f"processes {members(group)} live on after SIGKILL",
                expected=f"an empty group within {END_LIMIT_SECONDS:.0f} s",
                fix="see what they wait for (`cat /proc/PID/stack`), then run `make down` again",
            )
        time.sleep(POLL_SECONDS)


def remove(group: Path) -> None:
    """Remove an empty group with its sub-groups, deepest first."""
    for folder in reversed(_below(group)):
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()


def _kill_once(group: Path) -> None:
    try:
        (group / "cgroup.kill").write_text("1", encoding="ascii")
    except (FileNotFoundError, PermissionError):  # kernels before 5.14 have no cgroup.kill
        for pid in members(group):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _below(group: Path) -> list[Path]:
    return [Path(folder) for folder, _, _ in os.walk(group)]


def _pids(folder: Path) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(line) for line in (folder / "cgroup.procs").read_text(encoding="ascii").split()]
    return []
