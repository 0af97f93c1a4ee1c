"""The file itself: opened, created, brought up to date, checked.

A :class:`Store` is one connection; its methods may be called from any thread, one at a time. A thread that writes much
takes a store of its own. Folder, rights and the mark beside the file are the business of :mod:`freehold.ledger.place`.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from freehold.ledger import place, problems
from freehold.ledger.schema import APPLICATION_ID, MIGRATIONS

BUSY_MS = 2000
"""A batch of rows takes milliseconds; who waits for two seconds waits for something that hangs."""

WAL_PAUSE_MS = 10

WAL_BYTES = 64 * 1024 * 1024
"""A log that grew while a reader held it is cut back to this."""

SIDES = ("", "-wal", "-shm")
"""What belongs to one database."""


class Store:
    """One open ledger. Make it with :meth:`open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()
        self._identity = place.identity(path)
        self._commits = 0
        self._seen = self._state()

    @classmethod
    def open(cls, path: Path, *, busy_ms: int = BUSY_MS, migrations: Sequence[str] = MIGRATIONS) -> Self:
        """Open the ledger, or begin one where there never was any. Raises ``LEDGER_*`` errors."""
        with problems.told(path):
            place.refuse_lost(path)
            place.make_file(path)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_ms / 1000)
            try:
                _prepare(path, connection, busy_ms, migrations)
                return cls(path, connection)
            except BaseException:
                connection.close()
                raise

    def close(self) -> None:
        """Close the connection; the last one folds the log into the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write: all or nothing, and on the disk when this ends."""
        with self._lock, problems.told(self.path):
            self._refuse_replaced()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
                self._commits += 1
            except BaseException:
                self._roll_back()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read: several questions, one state of the file."""
        with self._lock, problems.told(self.path):
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._roll_back()

    def changed(self) -> bool:
        """Tell whether anybody has committed, here or in another process, since this was last asked."""
        with self._lock, problems.told(self.path):
            seen, self._seen = self._seen, self._state()
            return seen != self._seen

    @property
    def id(self) -> str:
        """The id that this ledger was given when it was begun."""
        return str(self.meta("ledger_id"))

    def meta(self, name: str, default: Any = None) -> Any:
        """One remembered value."""
        with self.reading() as connection:
            return get_meta(connection, name, default)

    def check(self) -> list[str]:
        """Let SQLite look through the whole file; returns what is wrong with it, nothing where it is whole."""
        with self.reading() as connection:
            try:
                said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(100)")]
            except sqlite3.DatabaseError as error:  # too broken to be looked through
                return [str(error)]
        return [line for line in said if line != "ok"]

    def copy_to(self, target: Path) -> None:
        """Write a whole copy as of now to a new file, while others go on working; for backups.

        Whoever brings such a copy back must close the frontier (:func:`close_frontier`): what was spent since is not in
        it.
        """
        with self.reading() as connection, problems.told(target):
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, place.FILE_MODE))
            copy = sqlite3.connect(target)
            try:
                connection.backup(copy)
            finally:
                copy.close()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # the error that led here is the one to hear of
                self._connection.execute("ROLLBACK")

    def _refuse_replaced(self) -> None:
        if place.identity(self.path) != self._identity:
            raise problems.replaced(self.path)

    def _state(self) -> tuple[int, int]:
        """Commits of others, as SQLite tells them apart, and of this connection, which it leaves out."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0]), self._commits


def get_meta(connection: sqlite3.Connection, name: str, default: Any = None) -> Any:
    """One value of the table ``meta``."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return default if row is None else row[0]


def set_meta(connection: sqlite3.Connection, name: str, value: int | str) -> None:
    """Remember one value."""
    connection.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value))


def begin_anew(path: Path, *, closed_until_ms: int, why: str, suffix: str) -> Store:
    """Put a damaged ledger aside (``<name>.<suffix>``) and begin an empty one, from which nothing leaves for a while.

    What was spent is not known any more: say the end of the month for ``closed_until_ms``.
    """
    with problems.told(path):
        for side in SIDES:
            old = Path(f"{path}{side}")
            if old.exists():
                old.rename(f"{path}.{suffix}{side}")
        place.mark(path).unlink(missing_ok=True)
    store = Store.open(path)
    with store.transaction() as connection:
        close_frontier(connection, closed_until_ms, why)
    return store


def close_frontier(connection: sqlite3.Connection, until_ms: int, why: str) -> None:
    """Let nothing leave before ``until_ms``; 0 opens it again."""
    set_meta(connection, "frontier_closed_until_ms", until_ms)
    set_meta(connection, "frontier_closed_why", why)


def _prepare(path: Path, connection: sqlite3.Connection, busy_ms: int, migrations: Sequence[str]) -> None:
    connection.execute(f"PRAGMA busy_timeout = {busy_ms:d}")
    _refuse_unknown(path, connection, len(migrations))
    _switch_to_wal(connection, busy_ms)
    for pragma in ("synchronous = FULL", "foreign_keys = ON", f"journal_size_limit = {WAL_BYTES}"):
        connection.execute(f"PRAGMA {pragma}")
    _migrate(path, connection, migrations)
    place.write_mark(path, str(get_meta(connection, "ledger_id")))


def _switch_to_wal(connection: sqlite3.Connection, busy_ms: int) -> None:
    """Where two begin or end the log at once, SQLite calls it a deadlock and does not wait by itself."""
    for left in range(busy_ms // WAL_PAUSE_MS, -1, -1):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname not in problems.BUSY or not left:
                raise
            time.sleep(WAL_PAUSE_MS / 1000)
        else:
            return


def _refuse_unknown(path: Path, connection: sqlite3.Connection, known: int) -> None:
    version, application, tables = _numbers(connection)
    if application != APPLICATION_ID and (application or version or tables):
        raise problems.foreign(path)
    if version > known:
        raise problems.too_new(path, version, known)


def _numbers(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """The version, whose file it is, and how many tables there are: of one moment, for others may be migrating it."""
    row = connection.execute(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)"
        " FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    version, application, tables = map(int, row)
    return version, application, tables


def _migrate(path: Path, connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    if _numbers(connection)[0] == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _refuse_unknown(path, connection, len(migrations))  # another process may have been here meanwhile
        version = _numbers(connection)[0]
        for number in range(version, len(migrations)):
            _run_all(connection, migrations[number])
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("INSERT INTO meta VALUES ('ledger_id', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(8),))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _run_all(connection: sqlite3.Connection, script: str) -> None:
    """Run statement by statement: ``executescript`` would commit what is open first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if statement.strip() and sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
