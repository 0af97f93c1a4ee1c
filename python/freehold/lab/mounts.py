"""The mount table, read from /proc/self/mountinfo."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from freehold.process import Runner

MOUNTINFO = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """``point`` is unescaped; ``options`` are the file system's own (its super block's), comma-separated."""

    point: str
    kind: str
    source: str
    options: str


def parse(text: str) -> list[Mount]:
    """Parse mountinfo (proc(5)): optional fields end at a lone hyphen, blanks in paths are octal escapes."""
    found = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        kind, source, options = right.split(" ", 2)
        found.append(Mount(_unescape(left.split(" ")[4]), kind, _unescape(source), options))
    return found


def read(path: Path = MOUNTINFO) -> list[Mount]:
    """The mounts of this process's namespace, in the order in which they were made."""
    return parse(path.read_text(encoding="utf-8"))


def below(mounts: list[Mount], folder: Path) -> list[Mount]:
    """The mounts under ``folder``, last made first: the order in which they can be undone. One at it is its owner's."""
    start = str(folder).rstrip("/") + "/"
    return [mount for mount in reversed(mounts) if mount.point.startswith(start)]


def holding(mounts: list[Mount], path: Path) -> Mount | None:
    """The mount that ``path`` lies on: the one with the longest point above it."""
    above = [mount for mount in mounts if f"{path}/".startswith(mount.point.rstrip("/") + "/")]
    return max(above, key=lambda mount: len(mount.point), default=None)


def unmount(runner: Runner, point: str) -> None:
    """Undo one mount; a busy one is detached, and goes when its last user does."""
    if runner(["umount", point], check=False).returncode != 0:
        runner(["umount", "--lazy", point])


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
