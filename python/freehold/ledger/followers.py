"""When each node's gateway was last heard of by the authority, and up to which change it knows the keys."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from freehold.ledger.clock import LedgerClock
from freehold.ledger.periods import SECOND_MS
from freehold.ledger.store import Store, get_meta

POLL_SECONDS = 0.1
HEARD_SECONDS = 10.0
"""Who has been silent for longer is not waited for: a gateway asks each second, and starts within a few."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A gateway, the authority's own too: ``version`` counts where ``source`` is the authority's ledger."""

    node: str
    heard_ms: int
    source: str
    version: int

    def knows(self, source: str, version: int) -> bool:
        """Tell whether it had taken over the change with this number."""
        return self.source == source and self.version >= version


def put(connection: sqlite3.Connection, heard: Heard) -> None:
    """Write down what one said last, in the caller's transaction."""
    connection.execute(
        "INSERT INTO followers VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " heard_ms = excluded.heard_ms, source = excluded.source, version = excluded.version",
        (heard.node, heard.heard_ms, heard.source, heard.version),
    )


def all_of(connection: sqlite3.Connection) -> dict[str, Heard]:
    """Everyone who was ever heard of."""
    rows = connection.execute("SELECT node, heard_ms, source, version FROM followers")
    return {row[0]: Heard(*row) for row in rows}


def reached(store: Store, clock: LedgerClock, version: int, nodes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """For each node whether it knows change ``version``, and how many seconds ago it was heard of (none: never)."""
    with store.reading() as connection:
        source, known = str(get_meta(connection, "ledger_id")), all_of(connection)
    now, told = clock.now_ms(), {}
    for node in nodes:
        one = known.get(node)
        ago = None if one is None else max(0, now - one.heard_ms) / SECOND_MS
        told[node] = {"knows": one is not None and one.knows(source, version), "heard_seconds": ago}
    return told


def wait_until_reached(
    store: Store,
    clock: LedgerClock,
    version: int,
    nodes: Iterable[str],
    *,
    seconds: float,
    rest: Callable[[float], None] = time.sleep,
) -> dict[str, dict[str, Any]]:
    """The same, once all know it that are heard at all, or after ``seconds``."""
    names = tuple(nodes)
    for _ in range(int(seconds / POLL_SECONDS)):
        found = reached(store, clock, version, names)
        if all(one["knows"] or not _is_heard(one) for one in found.values()):
            return found
        rest(POLL_SECONDS)
    return reached(store, clock, version, names)


def _is_heard(told: dict[str, Any]) -> bool:
    return told["heard_seconds"] is not None and told["heard_seconds"] < HEARD_SECONDS
