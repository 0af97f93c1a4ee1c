"""One row a request, and the totals that the file keeps of them by itself (a trigger, in the same transaction).

Who writes a row: the gateway that the client spoke to. A node that only served a peer's request writes none, or tokens
would count twice; route ``peer`` says that another node of the fleet served it. Rows with route ``frontier`` are
written by :mod:`freehold.ledger.frontier` when it settles.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from freehold.ledger.periods import DAY_MS, day
from freehold.ledger.store import Store, get_meta, set_meta

LOCAL, PEER, FRONTIER = "local", "peer", "frontier"
LONGEST_TEXT = 200
"""What a client sent (the model that it asked for) is cut to this many characters."""


class UsageRow(NamedTuple):
    """One request. ``at_ms`` is when it began, by the ledger's clock; ``prompt`` includes ``cached``.

    ``asked`` and ``served`` are models; ``replica`` the node; ``route`` empty where nothing served it; ``reason`` and
    ``cut`` are the gateway's fixed words, empty where all went well; times in ms.
    """

    request_id: str
    at_ms: int
    key_id: str
    key_name: str
    path: str
    asked: str
    served: str
    replica: str
    route: str
    status: int
    reason: str = ""
    cut: str = ""
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    duration_ms: int = 0
    first_token_ms: int | None = None
    nano_usd: int = 0


_INSERT = (
    f"INSERT INTO usage ({', '.join(UsageRow._fields)})"  # noqa: S608  own words
    f" VALUES ({', '.join('?' * len(UsageRow._fields))}) ON CONFLICT (request_id) DO NOTHING"
)
_REFUSED = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, OverflowError, ValueError)
"""What one bad row raises, and a whole batch must not die of."""


def insert(connection: sqlite3.Connection, rows: Sequence[UsageRow]) -> int:
    """Write rows in the caller's transaction; returns how many the file refused for what is in them.

    A row that is there already changes nothing, and neither does one from before the pruning.
    """
    oldest = int(get_meta(connection, "pruned_before_ms", 0))
    wanted = [row for row in rows if not (isinstance(row.at_ms, int) and row.at_ms < oldest)]
    connection.execute("SAVEPOINT batch")
    try:
        connection.executemany(_INSERT, wanted)
        refused = 0
    except _REFUSED:
        connection.execute("ROLLBACK TO batch")
        refused = sum(not _insert_one(connection, row) for row in wanted)
    connection.execute("RELEASE batch")
    return refused


def _insert_one(connection: sqlite3.Connection, row: UsageRow) -> bool:
    try:
        connection.execute(_INSERT, [writable(value) for value in row])
    except _REFUSED:
        return False
    return True


def writable(value: Any) -> Any:
    """Text that a client made up may hold half of a surrogate pair, which UTF-8 does not know."""
    return value.encode("utf-8", "replace").decode()[:LONGEST_TEXT] if isinstance(value, str) else value


def tokens_of_day(store: Store, now_ms: int) -> dict[str, int]:
    """Tokens of each key on the day of ``now_ms``, by key id: what quotas start from."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT key_id, sum(prompt + completion) FROM totals WHERE day = ? GROUP BY key_id", (day(now_ms),)
        )
        return dict(rows.fetchall())


def prune(store: Store, now_ms: int, keep_days: int) -> int:
    """Drop rows of whole days that are more than ``keep_days`` back; totals stay. Returns how many went."""
    oldest = (day(now_ms) - keep_days) * DAY_MS
    with store.transaction() as connection:
        if oldest <= int(get_meta(connection, "pruned_before_ms", 0)):
            return 0
        set_meta(connection, "pruned_before_ms", oldest)
        return connection.execute("DELETE FROM usage WHERE at_ms < ?", (oldest,)).rowcount


def lose(connection: sqlite3.Connection, at_ms: int, rows: Iterable[tuple[int, int, int]]) -> None:
    """Put on record that rows were lost: (rows, prompt tokens, completion tokens)."""
    connection.executemany("INSERT INTO losses VALUES (?, ?, ?, ?)", [(at_ms, *row) for row in rows])
