"""The keys that the fleet document declares: replaced as a set, with the same ids on every node.

An id is made from the name, so a key that leaves the document and comes back keeps its counts. What was revoked by hand
stays so until the document gives that name another hash.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from freehold.errors import FreeholdError, RefusedError, raise_all
from freehold.ledger.key_records import DECLARED, Key, KeyLimits, refuse_bad, select
from freehold.ledger.keys import KeyTable, rotated, write

UNDECLARED = "no longer declared"
ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Declared:
    """One key as the document has it."""

    name: str
    sha256: str
    limits: KeyLimits = field(default_factory=KeyLimits)
    expires_ms: int | None = None

    @property
    def id(self) -> str:
        """The same on every node."""
        return f"d_{hashlib.sha256(self.name.encode()).hexdigest()[:ID_DIGITS]}"


@dataclass
class Synced:
    """What a sync did, by name."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    kept_revoked: list[str] = field(default_factory=list)


def sync_declared(table: KeyTable, declared: Iterable[Declared]) -> Synced:
    """Make the declared keys of the table those of the document, in one transaction; all errors together."""
    wanted = {one.name: one for one in declared}
    _refuse_bad(wanted.values())
    done = Synced()
    with table.store.transaction() as connection:
        now = table.clock.record(connection)
        known = {key.name: key for key in select(connection, "origin = ?", DECLARED)}
        for name, key in known.items():
            if name not in wanted and key.revoked_ms is None:
                write(connection, replace(key, revoked_ms=now, revoked_why=UNDECLARED))
                done.revoked.append(name)
        for name, one in wanted.items():
            _sync(connection, one, known.get(name), now, done)
    return done


def _refuse_bad(wanted: Iterable[Declared]) -> None:
    errors: list[FreeholdError] = []
    for one in wanted:
        try:
            refuse_bad(one.name, one.sha256, one.limits, one.expires_ms)
        except RefusedError as error:
            errors.append(error)
    raise_all(errors)


def _sync(connection: sqlite3.Connection, one: Declared, old: Key | None, now: int, done: Synced) -> None:
    if old is None:
        write(
            connection, Key(one.id, one.name, one.sha256, DECLARED, now, one.expires_ms, None, "", "", 0, one.limits, 0)
        )
        done.added.append(one.name)
    elif old.revoked_ms is not None and old.revoked_why != UNDECLARED and old.sha256 == one.sha256:
        done.kept_revoked.append(one.name)
    elif (new := _renewed(old, one, now)) != old:
        write(connection, new)
        done.changed.append(one.name)


def _renewed(old: Key, one: Declared, now: int) -> Key:
    hashed = old if old.sha256 == one.sha256 else rotated(old, one.sha256, now)
    return replace(hashed, limits=one.limits, expires_ms=one.expires_ms, revoked_ms=None, revoked_why="")
