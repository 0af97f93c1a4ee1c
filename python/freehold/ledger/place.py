"""Where the ledger lies: its folder, its rights, its owner, and the mark beside it.

The mark (``<name>.mark``) holds the ledger's id, so that a ledger that vanished is not taken for one that never was.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from freehold.errors import RefusedError
from freehold.ledger import problems

FILE_MODE, FOLDER_MODE, OTHERS_WRITE = 0o600, 0o700, 0o022


def mark(path: Path) -> Path:
    """The file beside the ledger that says that there was one."""
    return path.with_name(f"{path.name}.mark")


def identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at ``path``; none where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def refuse_lost(path: Path) -> None:
    """Raise ``LEDGER_LOST`` where the mark says that there was a ledger."""
    if mark(path).exists() and not (path.exists() and path.stat().st_size):
        raise problems.lost(path)


def make_file(path: Path) -> None:
    """Make folder and empty file, for their owner alone; tighten what is lax.

    A file that is there is never opened here: to close a descriptor of it would drop every lock that this process's
    connections hold (POSIX), and another process would take the log from under them (sqlite.org/howtocorrupt.html).
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    _refuse_open_folder(path.parent)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    if path.stat().st_mode & 0o077:
        path.chmod(FILE_MODE)
    _give_to_folders_owner(path)


def _give_to_folders_owner(path: Path) -> None:
    """Root's commands may be the first to open a ledger; it is the gateway's all the same. SQLite does so itself."""
    folder = path.parent.stat()
    if os.geteuid() == 0 and path.stat().st_uid != folder.st_uid:
        os.chown(path, folder.st_uid, folder.st_gid)


def _refuse_open_folder(folder: Path) -> None:
    mode = folder.stat().st_mode & 0o777
    if mode & OTHERS_WRITE:
        raise RefusedError(
            "LEDGER_FOLDER_OPEN",
            str(folder),
            f"mode {mode:04o}",
            expected=f"mode {FOLDER_MODE:04o}",
            why="who may write there can replace the ledger",
            fix=f"chmod {FOLDER_MODE:o} {folder}, or name a folder of the gateway's own",
        )


def write_mark(path: Path, ledger_id: str) -> None:
    """Leave the mark, once."""
    with suppress(FileExistsError):
        descriptor = os.open(mark(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(f"{ledger_id}\n")
        _give_to_folders_owner(mark(path))
