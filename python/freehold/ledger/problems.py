"""What SQLite says when something is wrong, as an error with a way back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.errors import FreeholdError, IntegrityError, LockedError, RefusedError, UnknownStateError

WAY_BACK = (
    "stop the gateway, keep the file and its -wal beside it for a look, and bring back a copy from the backup; "
    "without one, begin anew (freehold.ledger.store.begin_anew): the frontier then stays closed until the month ends"
)
MISTAKES = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
DAMAGE = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})
BUSY = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite or the system raises about ``path`` into a :class:`FreeholdError`.

    What is a caller's mistake (a broken constraint, a wrong statement) passes through as it is.
    """
    try:
        yield
    except sqlite3.Error as error:
        problem = of(path, error)
        if problem is None:
            raise
        raise problem from error
    except OSError as error:
        raise unwritable(path, f"{type(error).__name__}: {error.strerror}") from error


def of(path: Path, error: sqlite3.Error) -> FreeholdError | None:
    """The error to show for ``error``; none where it is a programming mistake."""
    name = _name(error)
    if name in BUSY:
        return busy(path)
    if name in DAMAGE:
        return damaged(path, str(error))
    if isinstance(error, MISTAKES):
        return None
    return unwritable(path, str(error))


def _name(error: sqlite3.Error) -> str:
    """SQLite's primary code: ``SQLITE_IOERR`` for ``SQLITE_IOERR_WRITE``."""
    return "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])


def busy(path: Path) -> LockedError:
    """Another process has been writing for longer than one waits."""
    return LockedError(
        "LEDGER_BUSY",
        str(path),
        "another process is writing, and went on for longer than the wait",
        fix=f"see who holds it (fuser {path}) and try again",
    )


def unwritable(path: Path, found: str) -> RefusedError:
    """The disk is full, or the file may not be written."""
    return RefusedError(
        "LEDGER_UNWRITABLE",
        str(path),
        found,
        expected="a file that the gateway's user owns and can write, on a disk with room",
        why="what cannot be written down cannot be counted: nothing leaves the fleet; local requests go on",
        fix=f"make room or mend the rights (df, ls -l {path.parent}); the gateway goes on by itself",
    )


def damaged(path: Path, found: str) -> IntegrityError:
    """The file's content is not what SQLite wrote."""
    return IntegrityError(
        "LEDGER_DAMAGED",
        str(path),
        found,
        expected="a whole ledger",
        why="its sums say what may still be spent: they are not guessed",
        fix=WAY_BACK,
    )


def lost(path: Path) -> IntegrityError:
    """There was a ledger, its mark says so, and now there is none."""
    return IntegrityError(
        "LEDGER_LOST",
        str(path),
        "no ledger, although its mark says that there was one",
        expected="the ledger that was begun here",
        why="an empty ledger would forget what was spent and who was revoked",
        fix=WAY_BACK,
    )


def replaced(path: Path) -> UnknownStateError:
    """The open file is not the one at its path any more."""
    return UnknownStateError(
        "LEDGER_REPLACED",
        str(path),
        "the file was moved, removed or replaced while it was open",
        expected="the file that was opened",
        why="what is written to the old one is lost with the process",
        fix="restart the gateway; it says what it finds",
    )


def too_new(path: Path, found: int, known: int) -> RefusedError:
    """The file was written by a later Freehold."""
    return RefusedError(
        "LEDGER_TOO_NEW",
        str(path),
        f"schema {found}",
        expected=f"schema {known} or older",
        why="this version would misread what a later one wrote",
        fix="start the version that wrote it, or bring back the copy from before the upgrade",
    )


def foreign(path: Path) -> RefusedError:
    """A SQLite database, and not a ledger."""
    return RefusedError(
        "LEDGER_FOREIGN",
        str(path),
        "a SQLite database that is no ledger of Freehold",
        expected="a ledger, or no file",
        fix="name another path, or move that file away",
    )
