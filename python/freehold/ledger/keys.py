"""The table of keys: made, listed, revoked, rotated; every change has a number, by which other nodes follow."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from freehold.errors import RefusedError
from freehold.ledger.clock import LedgerClock
from freehold.ledger.key_records import KEY_COLUMNS, MADE, Key, KeyLimits, refuse_bad, select
from freehold.ledger.store import Store, get_meta, set_meta

ID_BYTES = 6


@dataclass(frozen=True)
class KeyTable:
    """The keys of one ledger. On a replica only :mod:`replication` writes."""

    store: Store
    clock: LedgerClock

    def create(self, name: str, sha256: str, limits: KeyLimits, *, expires_ms: int | None = None) -> Key:
        """Add a key; its name must be free among those that are not revoked, its hash must be new."""
        refuse_bad(name, sha256, limits, expires_ms)
        with self.store.transaction() as connection:
            now = self.clock.record(connection)
            fresh = Key(
                f"k_{secrets.token_hex(ID_BYTES)}", name, sha256, MADE, now, expires_ms, None, "", "", 0, limits, 0
            )
            return write(connection, fresh)

    def listed(self, *, revoked: bool = False) -> list[Key]:
        """All keys by name; those that were revoked only if they are asked for."""
        with self.store.reading() as connection:
            return select(connection, "revoked_ms IS NULL OR ? ORDER BY name, created_ms", revoked)

    def get(self, name: str) -> Key:
        """The key with this name or id that is not revoked. Raises ``KEY_UNKNOWN``."""
        with self.store.reading() as connection:
            return find(connection, name)

    def revoke(self, name: str, why: str) -> Key:
        """Let a key in no more, for good: neither the fleet document nor replication brings its hash back."""
        with self.store.transaction() as connection:
            now = self.clock.record(connection)
            return write(connection, replace(find(connection, name), revoked_ms=now, revoked_why=why or "by hand"))

    def rotate(self, name: str, sha256: str, *, grace_ms: int = 0) -> Key:
        """Give a key a new hash; the old one opens for ``grace_ms`` more. Id, counts and limits stay.

        A key that the fleet document declares gets the document's hash back with the next converge, so it is refused.
        """
        with self.store.transaction() as connection:
            now = self.clock.record(connection)
            old = find(connection, name)
            if old.origin != MADE:
                raise _declared(old)
            refuse_bad(old.name, sha256, old.limits, old.expires_ms)
            return write(connection, rotated(old, sha256, now + max(0, grace_ms)))

    def set_limits(self, name: str, limits: KeyLimits, *, expires_ms: int | None = None) -> Key:
        """Replace what a key may; it counts from the next request on."""
        with self.store.transaction() as connection:
            self.clock.record(connection)
            old = find(connection, name)
            if old.origin != MADE:
                raise _declared(old)
            refuse_bad(old.name, old.sha256, limits, expires_ms)
            return write(connection, replace(old, limits=limits, expires_ms=expires_ms))

    def version(self) -> int:
        """The number of the last change."""
        return int(self.store.meta("keys_version", 0))

    def by_digest(self) -> dict[str, Key]:
        """Every SHA-256 that opens now, with its key: what a gateway holds in memory.

        Read it again when :class:`KeyWatch` says so, and each minute: keys expire and rotations end without a change.
        """
        now = self.clock.now_ms()
        return {digest: key for key in self.listed() for digest in key.digests(now)}


class KeyWatch:
    """Tells a gateway when to read the table again; asking costs microseconds while nothing happens."""

    def __init__(self, table: KeyTable) -> None:
        self._table = table
        self._version = -1

    def changed(self) -> bool:
        """Tell whether keys have changed since this was last asked; true the first time."""
        if self._version >= 0 and not self._table.store.changed():
            return False
        before, self._version = self._version, self._table.version()
        return before != self._version


def find(connection: sqlite3.Connection, name: str) -> Key:
    """A key by name or id that is not revoked."""
    found = select(connection, "revoked_ms IS NULL AND (name = ? OR id = ?)", name, name)
    if not found:
        raise RefusedError(
            "KEY_UNKNOWN", f"key {name}", "no such key, or it was revoked", fix="freehold gateway key list names them"
        )
    return found[0]


def rotated(old: Key, sha256: str, until_ms: int) -> Key:
    """The key with a new hash."""
    return replace(old, sha256=sha256, rotated_from=old.sha256, rotated_until_ms=until_ms)


def write(connection: sqlite3.Connection, key: Key) -> Key:
    """Write one row under the next number, in the caller's transaction."""
    _refuse_used_hash(connection, key)
    numbered = replace(key, version=int(get_meta(connection, "keys_version", 0)) + 1)
    try:
        put(connection, numbered.columns())
    except sqlite3.IntegrityError as error:
        raise RefusedError(
            "KEY_NAME_TAKEN",
            f"key {key.name}",
            "another key has this name or this hash",
            expected="a name that no living key has",
            fix="name it otherwise, or revoke the other one first",
        ) from error
    set_meta(connection, "keys_version", numbered.version)
    return numbered


def put(connection: sqlite3.Connection, columns: Mapping[str, Any]) -> None:
    """Insert or replace one row by its id."""
    names = ", ".join(KEY_COLUMNS)
    marks = ", ".join(f":{name}" for name in KEY_COLUMNS)
    updates = ", ".join(f"{name} = excluded.{name}" for name in KEY_COLUMNS)
    statement = f"INSERT INTO keys ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}"  # noqa: S608  own words
    connection.execute(statement, columns)


def _refuse_used_hash(connection: sqlite3.Connection, key: Key) -> None:
    # A hash that opened another key, or this one before its rotation, may be in the wrong hands: it is never new again.
    row = connection.execute(
        "SELECT name FROM keys WHERE id <> :id AND (sha256 = :sha256 OR rotated_from = :sha256)"
        " OR id = :id AND rotated_from = :sha256",
        {"id": key.id, "sha256": key.sha256},
    ).fetchone()
    if row:
        raise RefusedError(
            "KEY_HASH_USED",
            f"key {key.name}",
            f"its SHA-256 is or was that of key {row[0]}",
            expected="a key that was never used here",
            fix="make a new one: freehold gateway key new",
        )


def _declared(key: Key) -> RefusedError:
    return RefusedError(
        "KEY_DECLARED",
        f"key {key.name}",
        "declared in the fleet document",
        expected="a key that was made by command",
        why="the next converge would undo it",
        fix="change it in the stack's settings and converge; revoking it here works at once",
    )
