"""The valve's bookkeeping: a reservation is on the disk before anything is sent, at its worst case until it settles.

What is in doubt counts as spent, or is not let out: a reservation that a killed process left open, a ledger that cannot
be written, a clock that jumped, a lease that ran out.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from freehold.errors import FreeholdError, RefusedError
from freehold.ledger import caps as sums
from freehold.ledger import exceptions, usage
from freehold.ledger.caps import MOST_TOKENS, Amount, Cap, Caps, whole_number
from freehold.ledger.clock import LedgerClock
from freehold.ledger.exceptions import ABANDONED, OPEN, SETTLED, UNSETTLED, Ask, ExceptionRow
from freehold.ledger.holdings import Holdings
from freehold.ledger.key_records import MOST, Key, select
from freehold.ledger.store import Store
from freehold.ledger.usage import writable

ID_BYTES = 12
CAPPED, KEY_REFUSED, CLOCK_STEPPED, UNWRITABLE = (
    "FRONTIER_CAPPED", "FRONTIER_KEY_REFUSED", "LEDGER_CLOCK_STEPPED", "LEDGER_UNWRITABLE",
)  # fmt: skip


class Tokens(Protocol):
    """What was used; ``prompt`` includes ``cached``."""

    @property
    def prompt(self) -> int: ...  # noqa: D102
    @property
    def cached(self) -> int: ...  # noqa: D102
    @property
    def completion(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended, for its rows; as in :class:`freehold.ledger.usage.UsageRow`."""

    outcome: str
    status: int = 200
    replica: str = ""
    cut: str = ""
    first_token_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """The leave to send one request. ``lease_id`` is none on the authority."""

    id: str
    request_id: str
    at_ms: int
    worst: Amount
    lease_id: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing leaves: ``code`` says why, ``caps`` each limit that said no, ``problem`` the ledger's error."""

    code: str
    caps: tuple[Cap, ...] = ()
    problem: FreeholdError | None = None

    def as_json(self) -> dict[str, Any]:
        """For the wire, and for a client's error."""
        problem = self.problem.as_json() if self.problem else None
        return {"code": self.code, "caps": [asdict(cap) for cap in self.caps], "problem": problem}

    @property
    def reopens_ms(self) -> int | None:
        """When all of the limits will be open again; none where waiting does not help, or nobody knows."""
        times = [cap.reopens_ms for cap in self.caps]
        known = [time for time in times if time is not None]
        return max(known) if known and len(known) == len(times) else None


@dataclass
class Frontier:
    """``caps`` is set on the authority; without it only what ``holdings`` has leased may go."""

    store: Store
    clock: LedgerClock
    caps: Caps | None = None

    def __post_init__(self) -> None:
        self.holdings = Holdings(self.store, self.clock)

    def reserve(self, ask: Ask) -> Reservation | Refusal:
        """Take ``ask.worst`` from every limit at once, or from none. On the disk when this returns."""
        ask.worst.checked()
        whole_number("worst tokens", ask.worst.tokens, least=1, most=MOST_TOKENS)
        try:
            with self.store.transaction() as connection:
                return self._reserve(connection, ask, self.clock.record(connection))
        except FreeholdError as problem:
            return Refusal(UNWRITABLE, problem=problem)

    def settle(self, reservation_id: str, tokens: Tokens, nano_usd: int, ending: Ending) -> ExceptionRow:
        """Put down what it was, and write its usage row. More than was reserved counts, and is flagged ``over``."""
        for name, value in (("prompt", tokens.prompt), ("completion", tokens.completion)):
            whole_number(name, value, most=MOST_TOKENS)
        whole_number("cached", tokens.cached, most=tokens.prompt)
        whole_number("nano_usd", nano_usd, most=MOST)
        with self.store.transaction() as connection:
            now = self.clock.record(connection)
            old = _open(connection, reservation_id)
            new = _settled(old, tokens, nano_usd, ending.outcome, now)
            self._close(connection, old, new)
            _write_usage(connection, new, ending)
            return new

    def abandon(self, reservation_id: str, outcome: str) -> ExceptionRow:
        """Give all of it back: only for a request of which nothing was sent."""
        with self.store.transaction() as connection:
            now = self.clock.record(connection)
            old = _open(connection, reservation_id)
            new = replace(old, state=ABANDONED, charged_tokens=0, charged_nano_usd=0, outcome=outcome, closed_ms=now)
            self._close(connection, old, new)
            return new

    def recover(self) -> int:
        """Call once when the gateway starts: what an earlier process left open is spent, what it had leased is closed.

        Returns the number of reservations that were left open.
        """
        with self.store.transaction() as connection:
            now = self.clock.record(connection)
            left = exceptions.select(connection, "state = ? AND node = ''", OPEN)
            for old in left:
                new = replace(old, state=UNSETTLED, outcome="the gateway ended before it", closed_ms=now)
                # Which part of the worst case was prompt is not known; the sum is what counts.
                _update(connection, replace(new, completion=old.worst_tokens))
                _write_usage(connection, replace(new, completion=old.worst_tokens), Ending(new.outcome, status=0))
            self.holdings.close_all(connection)
            return len(left)

    def left_open(self) -> list[ExceptionRow]:
        """Reservations that are neither settled nor abandoned."""
        with self.store.reading() as connection:
            return exceptions.select(connection, "state = ? AND node = '' ORDER BY at_ms", OPEN)

    def _reserve(self, connection: sqlite3.Connection, ask: Ask, now: int) -> Reservation | Refusal:
        if self.clock.stepped:
            return Refusal(CLOCK_STEPPED)
        key = living_key(connection, ask.key_id, now)
        if key is None:
            return Refusal(KEY_REFUSED)
        lease_id, refusing = self._take(connection, key, ask.worst, now)
        if refusing:
            return Refusal(CAPPED, tuple(refusing))
        sums.charge(connection, key.id, now, ask.worst)
        row = _fresh(ask, key, now, lease_id)
        exceptions.insert(connection, [row])
        return Reservation(row.id, ask.request_id, now, ask.worst, lease_id)

    def _take(
        self, connection: sqlite3.Connection, key: Key, worst: Amount, now: int
    ) -> tuple[str | None, Iterable[Cap]]:
        if self.caps is not None:
            return None, sums.refusing(connection, self.caps, key, worst, now)
        return self.holdings.take(connection, key.id, worst, now)

    def _close(self, connection: sqlite3.Connection, old: ExceptionRow, new: ExceptionRow) -> None:
        difference = new.charged - old.charged
        sums.charge(connection, old.key_id, old.at_ms, difference)
        if old.lease_id is not None:
            self.holdings.settle(connection, old.lease_id, difference)
        _update(connection, new)


def living_key(connection: sqlite3.Connection, key_id: str, now: int) -> Key | None:
    """The key, if it lives and may use the frontier, by the table itself: a gateway's memory may be a moment old."""
    found = select(connection, "id = ? AND frontier", key_id)
    return found[0] if found and found[0].living(now) else None


def _fresh(ask: Ask, key: Key, now: int, lease_id: str | None) -> ExceptionRow:
    return ExceptionRow(
        id=secrets.token_hex(ID_BYTES), node="", at_ms=now, request_id=ask.request_id, key_id=key.id, key_name=key.name,
        reason=ask.reason, path=ask.path, asked=writable(ask.asked), resolved=ask.resolved, provider=ask.provider,
        price_id=ask.price_id, lease_id=lease_id, worst_tokens=ask.worst.tokens, worst_nano_usd=ask.worst.nano_usd,
        state=OPEN, prompt=0, cached=0, completion=0, charged_tokens=ask.worst.tokens,
        charged_nano_usd=ask.worst.nano_usd, over=0, outcome="", closed_ms=None,
    )  # fmt: skip


def _open(connection: sqlite3.Connection, reservation_id: str) -> ExceptionRow:
    found = exceptions.select(connection, "id = ? AND node = ''", reservation_id)
    if found and found[0].state == OPEN:
        return found[0]
    raise RefusedError(
        "RESERVATION_NOT_OPEN",
        f"reservation {reservation_id}",
        f"it is {found[0].state}" if found else "no such reservation",
        expected="one that is open",
        why="what is closed once is on record; a second word on it would change what was counted",
        fix="settle or abandon each reservation once",
    )


def _settled(old: ExceptionRow, tokens: Tokens, nano_usd: int, outcome: str, now: int) -> ExceptionRow:
    charged = tokens.prompt + tokens.completion
    return replace(
        old, state=SETTLED, prompt=tokens.prompt, cached=tokens.cached, completion=tokens.completion,
        charged_tokens=charged, charged_nano_usd=nano_usd, outcome=outcome, closed_ms=now,
        over=int(charged > old.worst_tokens or nano_usd > old.worst_nano_usd),
    )  # fmt: skip


def _update(connection: sqlite3.Connection, row: ExceptionRow) -> None:
    connection.execute(
        "UPDATE exceptions SET state = ?, prompt = ?, cached = ?, completion = ?, charged_tokens = ?,"
        " charged_nano_usd = ?, over = ?, outcome = ?, closed_ms = ? WHERE id = ?",
        (row.state, row.prompt, row.cached, row.completion, row.charged_tokens, row.charged_nano_usd, row.over,
         row.outcome, row.closed_ms, row.id),
    )  # fmt: skip


def _write_usage(connection: sqlite3.Connection, row: ExceptionRow, ending: Ending) -> None:
    """The request's row among all the others; a second attempt of the same request gets a row of its own."""
    taken = connection.execute("SELECT 1 FROM usage WHERE request_id = ?", (row.request_id,)).fetchone()
    request_id = f"{row.request_id}/{row.id}" if taken else row.request_id
    took = (row.closed_ms or row.at_ms) - row.at_ms
    usage.insert(connection, [usage.UsageRow(
        request_id, row.at_ms, row.key_id, row.key_name, row.path, row.asked, f"{row.provider}/{row.resolved}",
        ending.replica, usage.FRONTIER, ending.status, row.state if row.state == UNSETTLED else row.reason, ending.cut,
        row.prompt, row.cached, row.completion, took, ending.first_token_ms, row.charged_nano_usd,
    )])  # fmt: skip
