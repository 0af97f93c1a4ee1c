"""One row a request, and the totals of them, written in the same transaction.

Who writes a row: the gateway that the client spoke to. A node that only served a peer's request writes none, or tokens
would count twice; route ``peer`` says that another node of the fleet served it. Rows with route ``frontier`` are
written by :mod:`freehold.ledger.frontier` when it settles.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from freehold.ledger.periods import DAY_MS, day, hour
from freehold.ledger.store import Store, get_meta, set_meta

LOCAL, PEER, FRONTIER = "local", "peer", "frontier"
HERE = frozenset({LOCAL, PEER})
"""What counts as served by the fleet itself."""

LONGEST_TEXT = 200
"""What a client sent (the model that it asked for) is cut to this many characters."""

PRUNED_AT_ONCE = 5000
"""Some ten milliseconds of the file; a request that began this many rows before its neighbours does not exist."""


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
_ADD = """
INSERT INTO totals (day, key_id, model, route, key_name, requests, prompt, cached, completion, nano_usd)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    key_name = excluded.key_name, requests = requests + excluded.requests, prompt = prompt + excluded.prompt,
    cached = cached + excluded.cached, completion = completion + excluded.completion,
    nano_usd = nano_usd + excluded.nano_usd
"""
_ADD_HOUR = """
INSERT INTO local_hours (hour, node, tokens) VALUES (?, '', ?)
ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens
"""
_REFUSED = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, OverflowError, ValueError)
"""What one bad row raises, and a whole batch must not die of."""


def insert(connection: sqlite3.Connection, rows: Sequence[UsageRow]) -> int:
    """Write rows in the caller's transaction; returns how many the file refused for what is in them.

    A row that is there already changes nothing, and neither does one from before the pruning.
    """
    oldest = int(get_meta(connection, "pruned_before_ms", 0))
    wanted = [row for row in rows if not (isinstance(row.at_ms, int) and row.at_ms < oldest)]
    if _insert_all(connection, wanted):
        _add(connection, wanted)
        return 0
    done = [_insert_one(connection, row) for row in wanted]
    _add(connection, [row for row in done if isinstance(row, UsageRow)])
    return done.count(None)


def _insert_all(connection: sqlite3.Connection, rows: Sequence[UsageRow]) -> bool:
    """Write all rows, or none where one is bad or there already, which is rare."""
    connection.execute("SAVEPOINT batch")
    try:
        whole = not rows or connection.executemany(_INSERT, rows).rowcount == len(rows)
    except _REFUSED:
        whole = False
    if not whole:
        connection.execute("ROLLBACK TO batch")
    connection.execute("RELEASE batch")
    return whole


def _insert_one(connection: sqlite3.Connection, row: UsageRow) -> UsageRow | bool | None:
    """The row as it was written, false where it was there already, none where it was refused."""
    clean = UsageRow(*map(writable, row))
    try:
        return clean if connection.execute(_INSERT, clean).rowcount else False
    except _REFUSED:
        return None


def _add(connection: sqlite3.Connection, rows: Iterable[UsageRow]) -> None:
    """Add rows to the totals: a few sums for a whole batch (a trigger would cost twice as much as the row itself)."""
    totals: dict[tuple[int, str, str, str], list[Any]] = {}
    hours: Counter[int] = Counter()
    for row in rows:
        place = (day(row.at_ms), row.key_id, row.served, row.route)
        sums = totals.setdefault(place, [row.key_name, 0, 0, 0, 0, 0])
        for index, more in enumerate((1, row.prompt, row.cached, row.completion, row.nano_usd), 1):
            sums[index] += more
        if row.route in HERE:
            hours[hour(row.at_ms)] += row.prompt + row.completion
    connection.executemany(_ADD, [(*place, *sums) for place, sums in totals.items()])
    connection.executemany(_ADD_HOUR, hours.items())


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
    """Drop rows of whole days that are more than ``keep_days`` back; totals stay. Returns how many went.

    In several transactions, from the oldest on, so that nobody waits long for the file.
    """
    oldest, gone = (day(now_ms) - keep_days) * DAY_MS, 0
    with store.transaction() as connection:
        if oldest <= int(get_meta(connection, "pruned_before_ms", 0)):
            return 0
        set_meta(connection, "pruned_before_ms", oldest)
    while more := _prune_some(store, oldest):
        gone += more
    return gone


def _prune_some(store: Store, oldest: int) -> int:
    # Rows lie in the order in which they ended, nearly that of the time: where none of so many is old, none is.
    with store.transaction() as connection:
        return connection.execute(
            "DELETE FROM usage WHERE rowid IN (SELECT rowid FROM usage ORDER BY rowid LIMIT ?) AND at_ms < ?",
            (PRUNED_AT_ONCE, oldest),
        ).rowcount


def lose(connection: sqlite3.Connection, at_ms: int, rows: Iterable[tuple[int, int, int]]) -> None:
    """Put on record that rows were lost: (rows, prompt tokens, completion tokens)."""
    connection.executemany("INSERT INTO losses VALUES (?, ?, ?, ?)", [(at_ms, *row) for row in rows])
