"""How much may leave: the fleet's share and money, and each key's own allowance; checked and charged together.

What was let out is charged when it is let out, at its worst case, to the hour, day and month of that moment; what comes
back when it settles goes back to the same places.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from freehold.errors import RefusedError
from freehold.ledger import periods
from freehold.ledger.key_records import MOST, Key
from freehold.ledger.store import get_meta

MILLION = 1_000_000
MOST_TOKENS = 10**10
"""Of one request or lease; far beyond any, and a thousand million of them still fit into 64 bits."""

FLEET = ""
"""The key id under which the fleet's own sums stand."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The fleet's limits. The defaults let nothing out.

    ``share_ppm`` is the part of all tokens that may go to the frontier within ``window_hours``, in millionths.
    """

    share_ppm: int = 50_000
    window_hours: int = 7 * 24
    nano_usd_per_day: int = 0
    nano_usd_per_month: int = 0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("share_ppm", 0, MILLION),
            ("window_hours", 1, 366 * 24),
            ("nano_usd_per_day", 0, MOST * 1000),
            ("nano_usd_per_month", 0, MOST * 1000),
        ):
            whole_number(name, getattr(self, name), least=least, most=most)


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit that said no. ``left`` is the largest request that would still pass.

    ``reopens_ms`` is when time alone will let this request pass; none where it will not.
    """

    name: str
    unit: str
    limit: int
    used: int
    left: int
    reopens_ms: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens of the share's window: settled and reserved at the frontier, and served locally by all nodes."""

    frontier: int
    local: int


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens and money that go together."""

    tokens: int
    nano_usd: int

    def checked(self) -> Amount:
        """This amount, or ``LEDGER_BAD_AMOUNT``."""
        whole_number("tokens", self.tokens, most=MOST_TOKENS)
        whole_number("nano_usd", self.nano_usd, most=MOST)
        return self

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.tokens - other.tokens, self.nano_usd - other.nano_usd)


def whole_number(name: str, value: object, *, least: int = 0, most: int) -> int:
    """Return ``value`` where it is a whole number within its bounds; refuse it otherwise."""
    if type(value) is not int or not least <= value <= most:
        raise RefusedError(
            "LEDGER_BAD_AMOUNT",
            name,
            repr(value),
            f"a whole number from {least} to {most}",
            why="sums of anything else would no longer be exact",
            fix="correct the caller: tokens and nano-USD are counted, not estimated",
        )
    return value


def refusing(connection: sqlite3.Connection, caps: Caps, key: Key, wanted: Amount, now_ms: int) -> list[Cap]:
    """Every limit that ``wanted`` would break at ``now_ms``; empty where it may go."""
    return [*_closed(connection, now_ms), *_share(connection, caps, wanted.tokens, now_ms),
            *_sums(connection, caps, key, wanted, now_ms)]  # fmt: skip


def charge(connection: sqlite3.Connection, key_id: str, at_ms: int, amount: Amount) -> None:
    """Add ``amount`` (negative: give it back) to the fleet's and the key's sums of the time ``at_ms``."""
    fleet = [("hour", periods.hour(at_ms)), ("day", periods.day(at_ms)), ("month", periods.month(at_ms))]
    rows = [(kind, period, owner) for owner in (FLEET, key_id) for kind, period in fleet]
    rows.remove(("hour", periods.hour(at_ms), key_id))
    # Not an upsert of the difference: the CHECK of a table looks at the row to be inserted too, and it may be negative.
    connection.executemany("INSERT INTO frontier_totals VALUES (?, ?, ?, 0, 0) ON CONFLICT DO NOTHING", rows)
    connection.executemany(
        "UPDATE frontier_totals SET tokens = tokens + ?, nano_usd = nano_usd + ?"
        " WHERE kind = ? AND period = ? AND key_id = ?",
        [(amount.tokens, amount.nano_usd, *row) for row in rows],
    )


def spent(connection: sqlite3.Connection, kind: str, period: int, key_id: str = FLEET) -> Amount:
    """What is charged to one hour, day or month."""
    row = connection.execute(
        "SELECT tokens, nano_usd FROM frontier_totals WHERE kind = ? AND period = ? AND key_id = ?",
        (kind, period, key_id),
    ).fetchone()
    return Amount(*row) if row else Amount(0, 0)


def window(connection: sqlite3.Connection, caps: Caps, now_ms: int) -> Window:
    """The tokens that the share is taken of.

    The window moves by whole hours. The hour at its edge counts in full for the frontier and not at all for what was
    local, so that the share is never taken for smaller than it is.
    """
    last = periods.hour(now_ms)
    frontier, local = connection.execute(
        "SELECT (SELECT coalesce(sum(tokens), 0) FROM frontier_totals WHERE kind = 'hour' AND key_id = ''"
        "        AND period BETWEEN :first AND :last),"
        " (SELECT coalesce(sum(tokens), 0) FROM local_hours WHERE hour BETWEEN :first + 1 AND :last)",
        {"first": last - caps.window_hours, "last": last},
    ).fetchone()
    return Window(frontier, local)


def within_share(caps: Caps, frontier: int, local: int) -> bool:
    """Tell whether ``frontier`` of ``frontier + local`` tokens is within the share."""
    return frontier * MILLION <= caps.share_ppm * (frontier + local)


def _share(connection: sqlite3.Connection, caps: Caps, tokens: int, now_ms: int) -> Iterator[Cap]:
    seen = window(connection, caps, now_ms)
    if within_share(caps, seen.frontier + tokens, seen.local):
        return
    allowed = caps.share_ppm * seen.local // (MILLION - caps.share_ppm)
    reopens = _share_reopens(connection, caps, tokens, now_ms)
    yield Cap("share", "tokens", allowed, seen.frontier, max(0, allowed - seen.frontier), reopens)


def _share_reopens(connection: sqlite3.Connection, caps: Caps, tokens: int, now_ms: int) -> int | None:
    """When the window will have moved far enough without any more traffic; local tokens may open it earlier."""
    now, seen = periods.hour(now_ms), window(connection, caps, now_ms)
    first, frontier, local = now - caps.window_hours, seen.frontier, seen.local
    leaving = dict(connection.execute(
        "SELECT period, tokens FROM frontier_totals WHERE kind = 'hour' AND key_id = '' AND period >= ?", (first,)
    ).fetchall())  # fmt: skip
    going = dict(connection.execute(
        "SELECT hour, sum(tokens) FROM local_hours WHERE hour > ? GROUP BY hour", (first,)
    ).fetchall())  # fmt: skip
    for step in range(caps.window_hours):
        frontier -= leaving.get(first + step, 0)
        local -= going.get(first + step + 1, 0)
        if local > 0 and within_share(caps, frontier + tokens, local):
            return (now + step + 1) * periods.HOUR_MS
    return None


def _sums(connection: sqlite3.Connection, caps: Caps, key: Key, wanted: Amount, now_ms: int) -> Iterator[Cap]:
    day, month = periods.day(now_ms), periods.month(now_ms)
    tomorrow, next_month = periods.next_day_ms(now_ms), periods.next_month_ms(now_ms)
    fleet_day, fleet_month = spent(connection, "day", day), spent(connection, "month", month)
    key_day, key_month = spent(connection, "day", day, key.id), spent(connection, "month", month, key.id)
    for name, unit, limit, used, more, reopens in (
        ("fleet_day", "nano_usd", caps.nano_usd_per_day, fleet_day.nano_usd, wanted.nano_usd, tomorrow),
        ("fleet_month", "nano_usd", caps.nano_usd_per_month, fleet_month.nano_usd, wanted.nano_usd, next_month),
        ("key_day", "tokens", key.limits.frontier_tokens_per_day, key_day.tokens, wanted.tokens, tomorrow),
        (
            "key_month",
            "nano_usd",
            key.limits.frontier_nano_usd_per_month,
            key_month.nano_usd,
            wanted.nano_usd,
            next_month,
        ),
    ):
        if limit is not None and used + more > limit:
            yield Cap(name, unit, limit, used, max(0, limit - used), reopens if more <= limit else None)


def _closed(connection: sqlite3.Connection, now_ms: int) -> Iterator[Cap]:
    until = int(get_meta(connection, "frontier_closed_until_ms", 0))
    if now_ms < until:
        yield Cap("closed", "", 0, 0, 0, until)
