"""Tokens of a day by key on other nodes, on the disk: a restart must not make anybody's quota fresh.

The authority keeps a row for each node and key; a follower keeps, under no node's name, the sums that it was told last.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from freehold.ledger.store import Store

TOLD = ""
"""The "node" of the sums that a follower was told."""

KEPT_DAYS = 2


def put(connection: sqlite3.Connection, day: int, node: str, tokens: Mapping[str, int], *, whole: bool = False) -> None:
    """Write down the last word on some keys, in the caller's transaction; ``whole``: the others have nothing."""
    if whole:
        connection.execute("DELETE FROM day_tokens WHERE day = ? AND node = ?", (day, node))
    connection.executemany(
        "INSERT INTO day_tokens VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET tokens = excluded.tokens",
        [(day, node, key, count) for key, count in tokens.items()],
    )
    connection.execute("DELETE FROM day_tokens WHERE day < ?", (day - KEPT_DAYS,))


def of_nodes(store: Store, first_day: int) -> dict[tuple[int, str], dict[str, int]]:
    """What nodes have reported, by day and node, from ``first_day`` on."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT day, node, key_id, tokens FROM day_tokens WHERE day >= ? AND node <> ?", (first_day, TOLD)
        ).fetchall()
    found: dict[tuple[int, str], dict[str, int]] = {}
    for day, node, key, tokens in rows:
        found.setdefault((day, node), {})[key] = tokens
    return found


def elsewhere(store: Store, day: int, *, told: bool) -> dict[str, int]:
    """Tokens of each key on other nodes: as this node was ``told``, or as the nodes reported to it."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT key_id, sum(tokens) FROM day_tokens WHERE day = ? AND (node = ?) = ? GROUP BY key_id",
            (day, TOLD, told),
        )
        return dict(rows.fetchall())
