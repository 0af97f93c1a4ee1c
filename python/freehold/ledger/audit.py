"""Do the sums agree with the rows? Read-only; for the owner's command, a backup's check, and the tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from freehold.ledger.periods import DAY_MS
from freehold.ledger.store import Store, get_meta

_TOTALS = """
SELECT at_ms / 86400000, key_id, served, route,
    count(*), sum(prompt), sum(cached), sum(completion), sum(nano_usd)
FROM usage WHERE at_ms >= :since GROUP BY 1, 2, 3, 4
"""
_KEPT_TOTALS = """
SELECT day, key_id, model, route, requests, prompt, cached, completion, nano_usd
FROM totals WHERE day >= :since / 86400000
"""
_CHARGES = """
WITH charges AS (
    SELECT at_ms, key_id, charged_tokens AS tokens, charged_nano_usd AS nano_usd FROM exceptions WHERE node = ''
    UNION ALL SELECT at_ms, key_id, charged_tokens, charged_nano_usd FROM leases_granted
), dated AS (
    SELECT *, CAST(strftime('%Y%m', at_ms / 1000, 'unixepoch') AS INTEGER) AS month FROM charges
), places AS (
    SELECT 'hour' AS kind, at_ms / 3600000 AS period, '' AS key_id, tokens, nano_usd FROM dated
    UNION ALL SELECT 'day', at_ms / 86400000, '', tokens, nano_usd FROM dated
    UNION ALL SELECT 'day', at_ms / 86400000, key_id, tokens, nano_usd FROM dated
    UNION ALL SELECT 'month', month, '', tokens, nano_usd FROM dated
    UNION ALL SELECT 'month', month, key_id, tokens, nano_usd FROM dated
)
SELECT kind, period, key_id, sum(tokens), sum(nano_usd) FROM places GROUP BY 1, 2, 3
"""
_KEPT_CHARGES = "SELECT kind, period, key_id, tokens, nano_usd FROM frontier_totals"
_LEASES = """
SELECT lease_id, sum(charged_tokens), sum(charged_nano_usd)
FROM exceptions WHERE node = '' AND lease_id IS NOT NULL GROUP BY 1
"""
_KEPT_LEASES = "SELECT id, spent_tokens, spent_nano_usd FROM leases_held"


def audit(store: Store) -> list[str]:
    """Everything that is wrong with the ledger, one line each; empty where file and sums are right."""
    with store.reading() as connection:
        return [*store.check(), *_differences(connection)]


def _differences(connection: sqlite3.Connection) -> Iterator[str]:
    since = -(-int(get_meta(connection, "pruned_before_ms", 0)) // DAY_MS) * DAY_MS
    for name, rows, kept, places in (
        ("totals of usage", _TOTALS, _KEPT_TOTALS, 4),
        ("sums of the frontier", _CHARGES, _KEPT_CHARGES, 3),
        ("spending of leases", _LEASES, _KEPT_LEASES, 1),
    ):
        wanted, found = _by_place(connection, rows, since, places), _by_place(connection, kept, since, places)
        for place in sorted(wanted.keys() | found.keys()):
            if wanted.get(place) != found.get(place):
                yield f"{name}, {place}: rows say {wanted.get(place)}, the sum says {found.get(place)}"


def _by_place(
    connection: sqlite3.Connection, statement: str, since: int, places: int
) -> dict[tuple[object, ...], tuple[int, ...]]:
    rows = connection.execute(statement, {"since": since} if ":since" in statement else ()).fetchall()
    return {row[:places]: row[places:] for row in rows if any(row[places:])}
