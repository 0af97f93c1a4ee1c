"""A key as the ledger knows it: who holds it, what it may, and the SHA-256 of it. Never the key itself."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from freehold.errors import FreeholdError, RefusedError, raise_all

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@-]{0,63}")
SHA256 = re.compile(r"[0-9a-f]{64}")
MOST = 10**15
"""A bound on every limit, so that no sum of them overflows 64 bits; as nano-USD it is a million dollars."""

DECLARED, MADE = "declared", "made"


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a key may. ``None`` means no limit of its own; the fleet's limits hold all the same."""

    models: tuple[str, ...] | None = None
    requests_per_minute: int | None = None
    tokens_per_day: int | None = None
    concurrent: int | None = None
    frontier: bool = False
    frontier_tokens_per_day: int | None = None
    frontier_nano_usd_per_month: int | None = None
    status: bool = False
    """Whether it may see the status page, which names nodes, models, keys and costs."""

    def allows(self, model: str) -> bool:
        """Tell whether this key may use ``model``."""
        return self.models is None or model in self.models

    def columns(self) -> dict[str, Any]:
        """As the table has it."""
        found = asdict(self)
        return {**found, "models": None if self.models is None else json.dumps(self.models), "frontier": self.frontier}


COUNTS = tuple(field.name for field in fields(KeyLimits) if field.name not in {"models", "frontier", "status"})
LIMIT_COLUMNS = tuple(field.name for field in fields(KeyLimits))


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``rotated_from`` is the SHA-256 before the present one, good until ``rotated_until_ms``."""

    id: str
    name: str
    sha256: str
    origin: str
    created_ms: int
    expires_ms: int | None
    revoked_ms: int | None
    revoked_why: str
    rotated_from: str
    rotated_until_ms: int
    limits: KeyLimits
    version: int

    def living(self, now_ms: int) -> bool:
        """Tell whether requests with this key are let in."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)

    def opens(self, digest: str, now_ms: int) -> bool:
        """Tell whether ``digest``, one of this key's two, is let in."""
        return self.living(now_ms) and (digest == self.sha256 or now_ms < self.rotated_until_ms)

    def digests(self, now_ms: int) -> Iterator[str]:
        """The SHA-256 digests that open with this key now: none, one, or two while a rotation lasts."""
        if self.living(now_ms):
            yield self.sha256
            if self.rotated_from and now_ms < self.rotated_until_ms:
                yield self.rotated_from

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """From the columns of the table."""
        own = {field.name: row[field.name] for field in fields(cls) if field.name != "limits"}
        return cls(**own, limits=limits_of(row))

    def columns(self) -> dict[str, Any]:
        """The columns of the table."""
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "limits"}
        return {**own, **self.limits.columns()}


KEY_COLUMNS = (*(field.name for field in fields(Key) if field.name != "limits"), *LIMIT_COLUMNS)


def limits_of(row: Mapping[str, Any]) -> KeyLimits:
    """The limits in a row."""
    said = {name: row[name] for name in COUNTS}
    models = None if row["models"] is None else tuple(json.loads(row["models"]))
    # An authority that was not updated yet does not tell of it.
    return KeyLimits(models=models, frontier=bool(row["frontier"]), status=bool(row.get("status")), **said)


def select(connection: sqlite3.Connection, where: str, *values: Any) -> list[Key]:
    """Keys by a condition on the table."""
    cursor = connection.execute(f"SELECT {', '.join(KEY_COLUMNS)} FROM keys WHERE {where}", values)  # noqa: S608  own words
    return [Key.of_row(dict(zip(KEY_COLUMNS, row, strict=True))) for row in cursor]


def refuse_bad(name: str, sha256: str, limits: KeyLimits, expires_ms: int | None) -> None:
    """Raise all that is wrong with a key to be written."""
    raise_all(list(_wrong(name, sha256, limits, expires_ms)))


def _wrong(name: str, sha256: str, limits: KeyLimits, expires_ms: int | None) -> Iterator[FreeholdError]:
    if not NAME.fullmatch(name):
        yield _bad(name, "name", name, "letters, digits and . _ / @ -, at most 64, a letter or digit first")
    if not SHA256.fullmatch(sha256):
        yield _bad(name, "sha256", sha256, "64 hexadecimal digits")
    for field, value in [("expires_ms", expires_ms), *((field, getattr(limits, field)) for field in COUNTS)]:
        if value is not None and not (type(value) is int and 0 <= value <= MOST):
            yield _bad(name, field, value, f"a whole number from 0 to {MOST}, or nothing")
    if limits.models is not None and not all(isinstance(model, str) and model for model in limits.models):
        yield _bad(name, "models", limits.models, "names of models, or nothing for all of them")


def _bad(key: str, field: str, found: object, expected: str) -> RefusedError:
    return RefusedError("KEY_BAD_VALUE", f"key {key}: {field}", repr(found), expected, fix="correct the value")
