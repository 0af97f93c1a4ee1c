"""A holder's side of leases: what the authority lent this node, for one key each, and what has been spent of it.

A lease is asked for under an id of the holder's own, on the disk before it is sent, so that an answer that never came
can be asked for again, or given back. It ends by the holder's clock, counted from the asking; no lease survives a
restart of the gateway. Once closed nothing is taken from it, and only then does the holder report it as final.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from freehold.errors import FreeholdError, RefusedError
from freehold.ledger import exceptions
from freehold.ledger.caps import MOST_TOKENS, Amount, Cap, whole_number
from freehold.ledger.clock import LedgerClock
from freehold.ledger.exceptions import OPEN, ExceptionRow
from freehold.ledger.key_records import MOST
from freehold.ledger.periods import SECOND_MS
from freehold.ledger.store import Store

ID_BYTES = 12
LONGEST_SECONDS = 24 * 3600
MOST_REQUESTS = 250
"""Of one lease, which then closes: its report has a row for each, and must fit into one message."""


@dataclass(frozen=True, slots=True)
class LeaseAsk:
    """What a node asks the authority for; asking again with the same id gives the same lease."""

    id: str
    key_id: str
    tokens: int
    nano_usd: int
    seconds: int

    def checked(self) -> Self:
        """This ask, or ``LEDGER_BAD_AMOUNT``."""
        whole_number("tokens", self.tokens, least=1, most=MOST_TOKENS)
        whole_number("nano_usd", self.nano_usd, most=MOST)
        whole_number("seconds", self.seconds, least=1, most=LONGEST_SECONDS)
        return self

    def as_json(self) -> dict[str, Any]:
        """For the wire."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read what a node sent. Raises ``LEASE_BAD_MESSAGE`` and ``LEDGER_BAD_AMOUNT``."""
        try:
            ask = cls(**told)
        except TypeError as error:
            raise bad_message(str(error)) from error
        if not (isinstance(ask.id, str) and isinstance(ask.key_id, str) and ask.id and ask.key_id):
            raise bad_message("ids are texts")
        return ask.checked()


class Lease(LeaseAsk):
    """What was lent; ``seconds`` are what is left of it when the authority answers."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LeaseReport:
    """What became of a lease: every closed row, what they sum up to, and whether nothing more will come."""

    lease_id: str
    key_id: str
    final: bool
    spent: Amount
    rows: tuple[ExceptionRow, ...]

    def as_json(self) -> dict[str, Any]:
        """For the wire."""
        return {**asdict(self), "rows": [row.as_json() for row in self.rows]}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read what a node sent. Raises ``LEASE_BAD_MESSAGE``."""
        try:
            rows = tuple(ExceptionRow.from_json(row) for row in told["rows"])
            spent = Amount(**told["spent"]).checked()
            # Only a true that is meant gives anything back.
            return cls(str(told["lease_id"]), str(told["key_id"]), told["final"] is True, spent, rows)
        except (KeyError, TypeError, FreeholdError) as error:
            raise bad_message(str(error)) from error


@dataclass(frozen=True)
class Holdings:
    """The leases of this node."""

    store: Store
    clock: LedgerClock

    def ask(self, key_id: str, amount: Amount, seconds: int) -> LeaseAsk:
        """Put on record what will be asked for, and return it to be sent."""
        ask = LeaseAsk(secrets.token_hex(ID_BYTES), key_id, amount.tokens, amount.nano_usd, seconds).checked()
        with self.store.transaction() as connection:
            now = self.clock.record(connection)
            connection.execute(
                "INSERT INTO leases_held (id, key_id, asked_ms, until_ms, tokens, nano_usd, state)"
                " VALUES (?, ?, ?, 0, ?, ?, 'asked')",
                (ask.id, key_id, now, amount.tokens, amount.nano_usd),
            )
        return ask

    def hold(self, lease: Lease) -> None:
        """Take what the authority lent. Raises ``LEASE_NOT_ASKED`` where it was given up meanwhile."""
        lease.checked()
        with self.store.transaction() as connection:
            self.clock.record(connection)
            changed = connection.execute(
                "UPDATE leases_held SET state = 'held', until_ms = asked_ms + ? WHERE id = ? AND state = 'asked'"
                " AND key_id = ? AND tokens = ? AND nano_usd = ?",
                (lease.seconds * SECOND_MS, lease.id, lease.key_id, lease.tokens, lease.nano_usd),
            ).rowcount
        if not changed:
            raise RefusedError(
                "LEASE_NOT_ASKED",
                f"lease {lease.id}",
                "no open ask with this id and these amounts",
                expected="the answer to an ask of this node",
                fix="nothing: it is reported as unspent with the next report",
            )

    def drop(self, ask: LeaseAsk) -> None:
        """Forget an ask that the authority refused: nothing was lent, so there is nothing to give back."""
        with self.store.transaction() as connection:
            self.clock.record(connection)
            connection.execute("DELETE FROM leases_held WHERE id = ? AND state = 'asked'", (ask.id,))

    def take(
        self, connection: sqlite3.Connection, key_id: str, worst: Amount, now_ms: int
    ) -> tuple[str | None, list[Cap]]:
        """Spend ``worst`` of one lease, in the caller's transaction; returns its id, or what there is too little of."""
        rows = _living(connection, key_id, now_ms)
        lease_id = _covering(rows, worst)
        if lease_id is not None:
            self.settle(connection, lease_id, worst)
            connection.execute(
                "UPDATE leases_held SET state = 'closed' WHERE id = ?1"
                " AND (SELECT count(*) FROM exceptions WHERE lease_id = ?1 AND node = '') >= ?2",
                (lease_id, MOST_REQUESTS - 1),
            )
            return lease_id, []
        whole, left = Amount(sum(row[1] for row in rows), sum(row[2] for row in rows)), _most(rows)
        caps = [
            Cap("lease", unit, limit, limit - rest, rest, None)
            for unit, limit, rest, more in (
                ("tokens", whole.tokens, left.tokens, worst.tokens),
                ("nano_usd", whole.nano_usd, left.nano_usd, worst.nano_usd),
            )
            if more > rest
        ]
        return None, caps or [Cap("lease", "tokens", whole.tokens, whole.tokens - left.tokens, left.tokens, None)]

    def covers(self, connection: sqlite3.Connection, key_id: str, worst: Amount, now_ms: int) -> bool:
        """Tell whether :meth:`take` would find a lease, taking nothing."""
        return _covering(_living(connection, key_id, now_ms), worst) is not None

    def settle(self, connection: sqlite3.Connection, lease_id: str, difference: Amount) -> None:
        """Add to what was spent of a lease, or give back, in the caller's transaction."""
        connection.execute(
            "UPDATE leases_held SET spent_tokens = spent_tokens + ?, spent_nano_usd = spent_nano_usd + ? WHERE id = ?",
            (difference.tokens, difference.nano_usd, lease_id),
        )

    def expire(self) -> int:
        """Close what has run out; returns how many leases that were. Asked each second, it seldom has to write."""
        if not self._run_out():
            return 0
        with self.store.transaction() as connection:
            now = self.clock.record(connection)
            statement = "UPDATE leases_held SET state = 'closed' WHERE state = 'held' AND until_ms <= ?"
            return connection.execute(statement, (now,)).rowcount

    def _run_out(self) -> bool:
        with self.store.reading() as connection:
            statement = "SELECT 1 FROM leases_held WHERE state = 'held' AND until_ms <= ? LIMIT 1"
            return connection.execute(statement, (self.clock.now_ms(),)).fetchone() is not None

    def close(self, lease_id: str) -> None:
        """Spend no more of one lease, so that it can be given back; an ask that was never answered too."""
        with self.store.transaction() as connection:
            self.clock.record(connection)
            connection.execute(
                "UPDATE leases_held SET state = 'closed' WHERE id = ? AND state IN ('asked', 'held')", (lease_id,)
            )

    def close_all(self, connection: sqlite3.Connection) -> None:
        """Close every lease, in the caller's transaction: a gateway that starts trusts none of them."""
        connection.execute("UPDATE leases_held SET state = 'closed' WHERE state IN ('asked', 'held')")

    def reports(self) -> list[LeaseReport]:
        """What the authority must hear of each lease; the same again until it has answered."""
        with self.store.reading() as connection:
            rows = connection.execute(
                "SELECT id, key_id, state, spent_tokens, spent_nano_usd FROM leases_held"
                " WHERE state IN ('held', 'closed') ORDER BY asked_ms, id"
            ).fetchall()
            return [
                _report(connection, lease_id, key_id, state, Amount(tokens, nano_usd))
                for lease_id, key_id, state, tokens, nano_usd in rows
            ]

    def final_reports(self, most: int, without: Collection[str] = ()) -> list[LeaseReport]:
        """The oldest ``most`` reports of leases of which nothing more will be spent: those that give something back."""
        with self.store.reading() as connection:
            rows = connection.execute(
                "SELECT id, key_id, state, spent_tokens, spent_nano_usd FROM leases_held WHERE state = 'closed'"
                " AND NOT EXISTS (SELECT 1 FROM exceptions WHERE lease_id = leases_held.id AND node = '' AND state = ?)"
                " ORDER BY asked_ms, id",
                (OPEN,),
            ).fetchall()
            return [
                _report(connection, lease_id, key_id, state, Amount(tokens, nano_usd))
                for lease_id, key_id, state, tokens, nano_usd in [row for row in rows if row[0] not in without][:most]
            ]

    def living(self) -> int:
        """How many leases something may be taken of."""
        with self.store.reading() as connection:
            statement = "SELECT count(*) FROM leases_held WHERE state = 'held' AND until_ms > ?"
            return int(connection.execute(statement, (self.clock.now_ms(),)).fetchone()[0])

    def acknowledged(self, report: LeaseReport) -> None:
        """The authority has answered to ``report``: a final one is not sent again."""
        if not report.final:
            return
        with self.store.transaction() as connection:
            self.clock.record(connection)
            connection.execute(
                "UPDATE leases_held SET state = 'reported' WHERE id = ? AND state = 'closed'", (report.lease_id,)
            )

    def local_hours(self, since_hour: int) -> dict[int, int]:
        """Tokens that this node served locally, by hour since the epoch: the sums so far."""
        with self.store.reading() as connection:
            rows = connection.execute(
                "SELECT hour, tokens FROM local_hours WHERE node = '' AND hour >= ?", (since_hour,)
            )
            return dict(rows.fetchall())


def _living(connection: sqlite3.Connection, key_id: str, now_ms: int) -> list[tuple[Any, ...]]:
    """Leases of one key that something may be taken of: id, tokens, nano-USD, and what is left of both."""
    return connection.execute(
        "SELECT id, tokens, nano_usd, tokens - spent_tokens, nano_usd - spent_nano_usd FROM leases_held"
        " WHERE state = 'held' AND key_id = ? AND until_ms > ? ORDER BY until_ms",
        (key_id, now_ms),
    ).fetchall()


def _covering(rows: list[tuple[Any, ...]], worst: Amount) -> str | None:
    """The first of :func:`_living` that covers ``worst``; no request is paid from two leases."""
    for lease_id, _, _, tokens, nano_usd in rows:
        if worst.tokens <= tokens and worst.nano_usd <= nano_usd:
            return str(lease_id)
    return None


def _most(rows: list[tuple[Any, ...]]) -> Amount:
    """The largest remainders; no request is paid from two leases."""
    return Amount(max([0, *(row[3] for row in rows)]), max([0, *(row[4] for row in rows)]))


def _report(connection: sqlite3.Connection, lease_id: str, key_id: str, state: str, spent: Amount) -> LeaseReport:
    rows = exceptions.select(connection, "lease_id = ? AND node = '' ORDER BY at_ms, id", lease_id)
    left_open = [row for row in rows if row.state == OPEN]
    # By the lease's own count, not by the rows: the authority compares the two.
    for row in left_open:
        spent -= row.charged
    closed = tuple(row for row in rows if row.state != OPEN)
    return LeaseReport(lease_id, key_id, state == "closed" and not left_open, spent, closed)


def bad_message(found: str) -> RefusedError:
    """Another node sent what this one does not understand."""
    return RefusedError(
        "LEASE_BAD_MESSAGE",
        "a message about leases",
        found,
        "what this version sends",
        fix="bring both nodes to one version",
    )
