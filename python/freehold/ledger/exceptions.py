"""The record of each request that was let out to a frontier provider, from its reservation to what it cost."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from freehold.errors import FreeholdError, RefusedError
from freehold.ledger.caps import MOST_TOKENS, Amount, whole_number
from freehold.ledger.key_records import MOST

OPEN, SETTLED, ABANDONED, UNSETTLED = "open", "settled", "abandoned", "unsettled"
CLOSED = frozenset({SETTLED, ABANDONED, UNSETTLED})


@dataclass(frozen=True, slots=True)
class Ask:
    """What wants to go out, and the most that it can cost.

    ``asked`` is the model that the client named, ``resolved`` the provider's; ``price_id`` names the line of the pinned
    price table; ``worst`` is prompt plus the longest answer, in tokens and nano-USD.
    """

    request_id: str
    key_id: str
    reason: str
    path: str
    asked: str
    resolved: str
    provider: str
    price_id: str
    worst: Amount


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """One row of the table ``exceptions``; ``node`` is empty for this node's own. Tokens, nano-USD, ms."""

    id: str
    node: str
    at_ms: int
    request_id: str
    key_id: str
    key_name: str
    reason: str
    path: str
    asked: str
    resolved: str
    provider: str
    price_id: str
    lease_id: str | None
    worst_tokens: int
    worst_nano_usd: int
    state: str
    prompt: int
    cached: int
    completion: int
    charged_tokens: int
    charged_nano_usd: int
    over: int
    outcome: str
    closed_ms: int | None

    @property
    def charged(self) -> Amount:
        """What counts against the caps for it."""
        return Amount(self.charged_tokens, self.charged_nano_usd)

    def as_json(self) -> dict[str, Any]:
        """For the wire and for reports."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read what another node sent. Raises ``EXCEPTION_BAD_ROW``."""
        try:
            row = cls(**told)
            _check(row)
        except (TypeError, FreeholdError) as error:
            raise RefusedError(
                "EXCEPTION_BAD_ROW",
                "a row of an exception",
                str(error),
                "a closed row of the table",
                fix="update the node",
            ) from error
        return row


COLUMNS = tuple(field.name for field in fields(ExceptionRow))
_NULLABLE = {"lease_id": str, "closed_ms": int}
_TYPES = {"int": int, "str": str}


def select(connection: sqlite3.Connection, where: str, *values: Any) -> list[ExceptionRow]:
    """Rows by a condition on the table."""
    cursor = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM exceptions WHERE {where}", values)  # noqa: S608  own words
    return [ExceptionRow(*row) for row in cursor]


def insert(connection: sqlite3.Connection, rows: Sequence[ExceptionRow]) -> None:
    """Write rows; those that are there already stay as they are."""
    names, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
    statement = f"INSERT INTO exceptions ({names}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING"  # noqa: S608  own words
    connection.executemany(statement, [[getattr(row, name) for name in COLUMNS] for row in rows])


def _check(row: ExceptionRow) -> None:
    for field in fields(row):
        value = getattr(row, field.name)
        wanted = _TYPES.get(str(field.type)) or _NULLABLE[field.name]
        if type(value) is not wanted and not (value is None and field.name in _NULLABLE):
            raise TypeError(f"{field.name}: {value!r}")
    if row.state not in CLOSED:
        raise TypeError(f"state: {row.state!r}")
    for name in ("worst_tokens", "prompt", "cached", "completion", "charged_tokens"):
        whole_number(name, getattr(row, name), most=2 * MOST_TOKENS)
    for name in ("worst_nano_usd", "charged_nano_usd"):
        whole_number(name, getattr(row, name), most=MOST)
