"""The authority's side of leases. A grant is taken from the caps before it is answered, as if it were spent already.

Only a final report gives back what was not spent. A lease that ran out without one stays spent: whatever the holder
does, and however its clock runs, the caps hold. A lease never outlives the authority's day, so that what is spent of it
belongs to the day and month that paid for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from freehold.errors import FreeholdError, IntegrityError, RefusedError
from freehold.ledger import caps as sums
from freehold.ledger import exceptions
from freehold.ledger.caps import MOST_TOKENS, Amount, Cap, Caps, whole_number
from freehold.ledger.clock import LedgerClock
from freehold.ledger.frontier import CAPPED, CLOCK_STEPPED, KEY_REFUSED, UNWRITABLE, Refusal, living_key
from freehold.ledger.holdings import Lease, LeaseAsk, LeaseReport
from freehold.ledger.periods import SECOND_MS, next_day_ms
from freehold.ledger.store import Store


@dataclass(frozen=True, slots=True)
class Granted:
    """A lease as the authority remembers it. ``charged`` is what it takes from the caps."""

    id: str
    node: str
    key_id: str
    at_ms: int
    expires_ms: int
    amount: Amount
    charged: Amount
    closed_ms: int | None


@dataclass
class LeaseBook:
    """All leases of the fleet. ``caps`` are those that the authority's own requests keep to."""

    store: Store
    clock: LedgerClock
    caps: Caps

    def grant(self, node: str, ask: LeaseAsk) -> Lease | Refusal:
        """Lend ``ask`` to ``node``. The same ask again gets the same lease; one that was closed is refused."""
        ask.checked()
        try:
            with self.store.transaction() as connection:
                now = self.clock.record(connection)
                known = _select(connection, "id = ?", ask.id)
                return _again(known[0], node, ask, now) if known else self._grant(connection, node, ask, now)
        except FreeholdError as problem:
            if not problem.code.startswith("LEDGER_"):
                raise
            return Refusal(UNWRITABLE, problem=problem)

    def report(self, node: str, report: LeaseReport) -> Granted:
        """Take what a holder says it spent; the same report again changes nothing.

        A lease that this ledger does not know (its answer was never given, or it comes from before a restore) is
        written down with what was spent of it, so that it cannot be granted later.
        """
        _check(report)
        with self.store.transaction() as connection:
            now = self.clock.record(connection)
            lease = self._lease(connection, node, report, now)
            exceptions.insert(connection, [replace(row, node=node) for row in report.rows])
            spent = _spent(connection, lease.id)
            if spent.tokens < report.spent.tokens or spent.nano_usd < report.spent.nano_usd:
                raise _wrong(report, f"rows on record sum up to {spent}")
            if report.final and lease.closed_ms is None:
                lease = replace(lease, closed_ms=now)
            return _charge(connection, lease, spent)

    def local_tokens(self, node: str, hours: Mapping[int, int]) -> None:
        """Take the sums of tokens that ``node`` has served locally, by hour; they only ever grow."""
        rows = [(whole_number("hour", hour, most=MOST_TOKENS), node, whole_number("tokens", tokens, most=10**15))
                for hour, tokens in hours.items()]  # fmt: skip
        if not node:
            raise _not_yours("(local tokens)", "a node without a name", "the node's name")
        with self.store.transaction() as connection:
            self.clock.record(connection)
            connection.executemany(
                "INSERT INTO local_hours (hour, node, tokens) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET tokens = max(tokens, excluded.tokens)",
                rows,
            )

    def outstanding(self) -> list[Granted]:
        """Leases without a final report; those past ``expires_ms`` count as fully spent until it comes."""
        with self.store.reading() as connection:
            return _select(connection, "closed_ms IS NULL ORDER BY expires_ms")

    def _grant(self, connection: sqlite3.Connection, node: str, ask: LeaseAsk, now: int) -> Lease | Refusal:
        if self.clock.stepped:
            return Refusal(CLOCK_STEPPED)
        key = living_key(connection, ask.key_id, now)
        if key is None:
            return Refusal(KEY_REFUSED)
        amount = Amount(ask.tokens, ask.nano_usd)
        refusing = sums.refusing(connection, self.caps, key, amount, now)
        seconds = min(ask.seconds, (next_day_ms(now) - now) // SECOND_MS)
        if refusing or not seconds:
            midnight = Cap("lease", "seconds", 0, 0, 0, next_day_ms(now))
            return Refusal(CAPPED, tuple(refusing) or (midnight,))
        sums.charge(connection, key.id, now, amount)
        _put(connection, Granted(ask.id, node, key.id, now, now + seconds * SECOND_MS, amount, amount, None))
        return Lease(ask.id, key.id, ask.tokens, ask.nano_usd, seconds)

    def _lease(self, connection: sqlite3.Connection, node: str, report: LeaseReport, now: int) -> Granted:
        known = _select(connection, "id = ?", report.lease_id)
        if not known:
            nothing = Amount(0, 0)
            return Granted(report.lease_id, node, report.key_id, now, now, nothing, nothing, None)
        if (known[0].node, known[0].key_id) != (node, report.key_id):
            raise _not_yours(
                report.lease_id, f"node {node}, key {report.key_id}", "the node and key that it was lent to"
            )
        return known[0]


def _check(report: LeaseReport) -> None:
    total = Amount(sum(row.charged_tokens for row in report.rows), sum(row.charged_nano_usd for row in report.rows))
    strays = [row.id for row in report.rows if (row.lease_id, row.key_id) != (report.lease_id, report.key_id)]
    if strays or total != report.spent:
        raise _wrong(report, f"rows of another lease: {', '.join(strays)}" if strays else f"rows sum up to {total}")


def _wrong(report: LeaseReport, found: str) -> IntegrityError:
    return IntegrityError(
        "LEASE_REPORT_WRONG",
        f"lease {report.lease_id}",
        found,
        expected=f"rows of this lease that sum up to {report.spent}",
        why="what a holder spent is taken from its rows: a missing one would be given back",
        fix="check the holder's ledger (freehold.ledger.audit); until then the lease counts as fully spent",
    )


def _charge(connection: sqlite3.Connection, lease: Granted, spent: Amount) -> Granted:
    """Bring what the caps are charged with to what is known: all of an open lease, what was spent of a closed one."""
    whole = Amount(max(lease.amount.tokens, spent.tokens), max(lease.amount.nano_usd, spent.nano_usd))
    target = whole if lease.closed_ms is None else spent
    sums.charge(connection, lease.key_id, lease.at_ms, target - lease.charged)
    changed = replace(lease, charged=target)
    _put(connection, changed)
    return changed


def _spent(connection: sqlite3.Connection, lease_id: str) -> Amount:
    row = connection.execute(
        "SELECT coalesce(sum(charged_tokens), 0), coalesce(sum(charged_nano_usd), 0)"
        " FROM exceptions WHERE lease_id = ?",
        (lease_id,),
    ).fetchone()
    return Amount(*row)


def _again(known: Granted, node: str, ask: LeaseAsk, now: int) -> Lease:
    same = (known.node, known.key_id, known.amount) == (node, ask.key_id, Amount(ask.tokens, ask.nano_usd))
    left = (known.expires_ms - now) // SECOND_MS
    if not same or known.closed_ms is not None or left <= 0:
        raise _not_yours(ask.id, "asked for by another, closed, or run out", "a new ask under a new id")
    return Lease(ask.id, ask.key_id, ask.tokens, ask.nano_usd, left)


def _not_yours(lease_id: str, found: str, expected: str) -> RefusedError:
    return RefusedError(
        "LEASE_REFUSED", f"lease {lease_id}", found, expected, fix="report it as closed, and ask under a new id"
    )


def _select(connection: sqlite3.Connection, where: str, *values: object) -> list[Granted]:
    cursor = connection.execute(
        "SELECT id, node, key_id, at_ms, expires_ms, tokens, nano_usd, charged_tokens, charged_nano_usd, closed_ms"  # noqa: S608
        f" FROM leases_granted WHERE {where}",  # own words
        values,
    )
    return [_granted(row) for row in cursor]


def _granted(row: Sequence[Any]) -> Granted:
    lease_id, node, key_id, at_ms, expires_ms, *amounts, closed_ms = row
    return Granted(lease_id, node, key_id, at_ms, expires_ms, Amount(*amounts[:2]), Amount(*amounts[2:]), closed_ms)


def _put(connection: sqlite3.Connection, lease: Granted) -> None:
    connection.execute(
        "INSERT INTO leases_granted VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " charged_tokens = excluded.charged_tokens, charged_nano_usd = excluded.charged_nano_usd,"
        " closed_ms = excluded.closed_ms",
        (lease.id, lease.node, lease.key_id, lease.at_ms, lease.expires_ms, lease.amount.tokens, lease.amount.nano_usd,
         lease.charged.tokens, lease.charged.nano_usd, lease.closed_ms),
    )  # fmt: skip
