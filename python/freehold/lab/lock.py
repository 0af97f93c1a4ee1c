"""One command at a time changes the lab. The lock is on the state folder itself, so it leaves no file behind."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.errors import LockedError

LOCKS = Path("/proc/locks")
RUN_VARIABLE = "FREEHOLD_LAB_RUN"
"""In the environment of what the holder starts: if the holder is killed, `make down` still finds its children."""


@contextmanager
def lab_lock(folder: Path) -> Iterator[None]:
    """Hold the lock; it goes with the process, however that ends. Raises :class:`LockedError` at once if it is held."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _take(handle, folder)
        os.environ[RUN_VARIABLE] = str(folder)
        yield
    finally:
        os.environ.pop(RUN_VARIABLE, None)
        os.close(handle)


def holder(inode: int, table: str) -> str:
    """The pid that holds a lock on ``inode``, out of the text of /proc/locks; '?' where it does not say."""
    rows = [line.split() for line in table.splitlines()]
    pids = [row[4] for row in rows if row[1] == "FLOCK" and row[5].rpartition(":")[2] == str(inode)]
    return pids[0] if pids else "?"


def _take(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = holder(os.fstat(handle).st_ino, LOCKS.read_text(encoding="ascii"))
        raise LockedError(
            "LAB_BUSY",
            str(folder),
            f"process {pid} is at work on the lab",
            expected="one `make up`, `make test` or `make down` at a time",
            fix=f"wait for it to end, or end it (`kill {pid}`), and run the command again",
        ) from error
