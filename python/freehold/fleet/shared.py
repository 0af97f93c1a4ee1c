"""The state folder between users: where it is setgid and its group may write, so is what is made in it.

Without that each user has a state folder of their own, and what one of them made is closed to the others.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from freehold.errors import LockedError

FOLDERS = ("locks", "rolls", "converged", "logs", "runs", "export")
"""What a run writes into lies in these, by whoever is first."""
OURS = stat.S_ISGID | stat.S_IWGRP


def is_shared(folder: Path) -> bool:
    """Whether what is made in ``folder`` is the group's to write."""
    return folder.stat().st_mode & OURS == OURS


def make(folder: Path) -> None:
    """Make ``folder`` and what is missing above it; in a shared folder with that one's own mode."""
    if folder.is_dir():
        return
    make(folder.parent)
    folder.mkdir(exist_ok=True)
    if is_shared(folder.parent):
        folder.chmod(stat.S_IMODE(folder.parent.stat().st_mode))


def make_all(state: Path) -> None:
    """Make every folder of a shared state folder, so that no later one is made for its user alone."""
    if state.is_dir() and is_shared(state):
        for name in FOLDERS:
            make(state / name)


def opened(path: Path) -> int:
    """A descriptor to read and write ``path``, STATE/FOLDER/FILE; raises :class:`LockedError`."""
    try:
        make_all(path.parents[1])
        make(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        raise closed(path) from error
    if is_shared(path.parent) and os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, 0o660)
    return descriptor


def set_aside(folder: Path) -> None:
    """Move what a killed run of another user left in ``folder`` out of the way; only that user can empty it."""
    if folder.is_dir() and folder.stat().st_uid != os.geteuid():
        folder.rename(folder.with_name(f".{folder.name}.{time.time_ns()}"))


def closed(path: Path) -> LockedError:
    """The error for a file of somebody else's."""
    state = path.parents[1]
    return LockedError(
        "STATE_CLOSED",
        str(path),
        "another user's, and closed to this one",
        expected="a state folder of one's own, or one that its group may write (setgid)",
        why="who cannot read the locks cannot tell whether somebody works on the same host",
        fix=f"as its owner: chgrp -R GROUP {state} && chmod -R g+rwX {state} && "
        f"find {state} -type d -exec chmod g+s {{}} +",
    )
