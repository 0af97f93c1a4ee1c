"""Which systemd unit a process belongs to: by the kernel's lists of the processes in each control group.

Not by ``/proc/PID/cgroup``: the sandbox of all services hides other users' processes in /proc, and showing them would
show their command lines too. The lists hold numbers only, and every user may read them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

UNKNOWN = "unknown"
"""A process that is in no unit, or in none that can be seen from here."""

HIERARCHIES = ("sys/fs/cgroup", "sys/fs/cgroup/systemd")
"""Control groups of version 2; systemd's own hierarchy where the kernel has version 1."""

LIST = "cgroup.procs"
DEEPEST = 12


class Units:
    """Looks processes up under ``root``. A process is looked for in its last group before all groups are walked."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._groups: dict[int, str] = {}

    def of(self, pids: Iterable[int]) -> dict[int, str]:
        """The unit of each of ``pids``."""
        wanted = frozenset(pids)
        found = self._still_there(wanted)
        top = next((str(path) for name in HIERARCHIES if (path := self._root / name / LIST).exists()), None)
        if top is not None and found.keys() != wanted:
            found |= _walked(os.path.dirname(top), wanted - found.keys())  # noqa: PTH120  text, as scandir gives it
        self._groups = found
        return {pid: unit_of(found[pid]) if pid in found else UNKNOWN for pid in wanted}

    def _still_there(self, wanted: frozenset[int]) -> dict[int, str]:
        known = {pid: group for pid, group in self._groups.items() if pid in wanted}
        members = {group: processes_in(group) for group in set(known.values())}
        return {pid: group for pid, group in known.items() if pid in members[group]}


def unit_of(group: str) -> str:
    """The unit of a control group: the first part of its path that is no slice but a service or a scope."""
    parts = group.split("/")
    return next((part for part in parts if part.endswith((".service", ".scope"))), UNKNOWN)


def processes_in(group: str) -> frozenset[int]:
    """The processes of a control group itself; none where it is gone, or holds threads only."""
    try:
        with open(f"{group}/{LIST}", "rb") as file:  # noqa: PTH123  a hundred of them each time: twice as fast
            return frozenset(int(word) for word in file.read().split())
    except (OSError, ValueError):
        return frozenset()


def _walked(top: str, wanted: frozenset[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for group in _groups(top, DEEPEST):
        found.update(dict.fromkeys(processes_in(group) & wanted, group))
        if len(found) == len(wanted):
            break
    return found


def _groups(group: str, deepest: int) -> Iterator[str]:
    yield group
    try:
        with os.scandir(group) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:  # gone meanwhile
        return
    for one in below if deepest else ():
        yield from _groups(one, deepest - 1)
