"""How the keys of the authority reach the other nodes: changes by number, applied in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from freehold.errors import FreeholdError, RefusedError
from freehold.ledger.declared import UNDECLARED
from freehold.ledger.key_records import Key, limits_of, refuse_bad, select
from freehold.ledger.keys import KeyTable, put
from freehold.ledger.store import get_meta, set_meta


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of the table ``source`` after number ``since``; ``since`` 0 is the whole of it."""

    source: str
    since: int
    version: int
    keys: tuple[Key, ...]

    def as_json(self) -> dict[str, Any]:
        """For the wire; hashes of keys travel, keys never."""
        return {
            "source": self.source,
            "since": self.since,
            "version": self.version,
            "keys": [key.columns() for key in self.keys],
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read what another node sent. Raises ``KEYS_BAD_CHANGES``."""
        try:
            keys = tuple(_key(row) for row in told["keys"])
            return cls(str(told["source"]), int(told["since"]), int(told["version"]), keys)
        except (KeyError, TypeError, ValueError, FreeholdError) as error:
            raise _refused(
                "KEYS_BAD_CHANGES", f"{type(error).__name__}: {error}", "what changes_since() said"
            ) from error


def changes_since(table: KeyTable, source: str, version: int) -> Changes:
    """What a replica that stands at ``version`` of ``source`` must hear.

    It hears everything where it followed another ledger, or is ahead of this one because this one was brought back from
    an older copy.
    """
    with table.store.reading() as connection:
        current = int(get_meta(connection, "keys_version", 0))
        own = str(get_meta(connection, "ledger_id"))
        since = version if source == own and 0 <= version <= current else 0
        return Changes(own, since, current, tuple(select(connection, "version > ? ORDER BY version", since)))


def position(table: KeyTable) -> tuple[str, int]:
    """Source and version that this replica stands at; empty and 0 before the first changes."""
    with table.store.reading() as connection:
        return str(get_meta(connection, "keys_source", "")), int(get_meta(connection, "keys_followed", 0))


def apply(table: KeyTable, changes: Changes) -> bool:
    """Take over what the authority said; false where it was known already. Raises ``KEYS_GAP``.

    A whole table replaces the one here, except that what was revoked stays revoked while its hash is the same.
    """
    with table.store.transaction() as connection:
        table.clock.record(connection)
        source, followed = str(get_meta(connection, "keys_source", "")), int(get_meta(connection, "keys_followed", 0))
        if changes.since and (changes.source != source or changes.since > followed):
            raise _refused(
                "KEYS_GAP", f"changes after {changes.since}", f"changes after {followed} of {source or 'none'}"
            )
        if changes.since and changes.version <= followed:
            return False
        _replace_rows(connection, changes)
        set_meta(connection, "keys_source", changes.source)
        set_meta(connection, "keys_followed", changes.version)
        # Watchers here look at the own number, and whoever follows this node, should it become the authority.
        set_meta(connection, "keys_version", max(int(get_meta(connection, "keys_version", 0)) + 1, changes.version))
        return True


def _replace_rows(connection: sqlite3.Connection, changes: Changes) -> None:
    before = select(connection, "1")
    barred = {key.sha256: key for key in before if key.revoked_ms is not None and key.revoked_why != UNDECLARED}
    told = [_still_revoked(key, barred.get(key.sha256)) for key in changes.keys]
    # Names and hashes are unique: the old rows go before the new ones come. What was revoked is remembered for ever.
    hashes, ids = {key.sha256 for key in told}, {key.id for key in told}
    whole = changes.since == 0
    gone = [key for key in before if key.id in ids or key.sha256 in hashes or (whole and key.sha256 not in barred)]
    connection.executemany("DELETE FROM keys WHERE id = ?", [(key.id,) for key in gone])
    for key in told:
        put(connection, key.columns())


def _still_revoked(new: Key, old: Key | None) -> Key:
    if old is None or new.revoked_ms is not None:
        return new
    return replace(new, revoked_ms=old.revoked_ms, revoked_why=old.revoked_why)


def _key(row: Mapping[str, Any]) -> Key:
    models = row["models"]
    if models is not None and not isinstance(json.loads(models), list):
        raise TypeError(models)
    key = Key.of_row(row)
    refuse_bad(key.name, key.sha256, limits_of(row), key.expires_ms)
    return key


def _refused(code: str, found: str, expected: str) -> RefusedError:
    return RefusedError(
        code, "changes of keys", found, expected, fix="ask the authority for the whole table: changes_since('', 0)"
    )
