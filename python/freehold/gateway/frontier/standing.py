"""How money, share, clock and ledger stand when a decision is made: read, nothing taken."""

from __future__ import annotations

from dataclasses import dataclass

from freehold.gateway.policy.reasons import Reason
from freehold.ledger import caps as sums
from freehold.ledger import periods
from freehold.ledger.caps import Amount, Cap
from freehold.ledger.exceptions import OPEN
from freehold.ledger.frontier import CLOCK_STEPPED, KEY_REFUSED, UNWRITABLE, Frontier, Refusal, living_key

SHARE, LEASE = "share", "lease"


@dataclass(frozen=True, slots=True)
class Standing:
    """A :class:`~freehold.gateway.policy.facts.CapsState` for one amount, which the limits were asked about.

    ``refusing`` are the limits that it would break, none where they were not read; ``key_may`` whether the ledger's
    own table lets this key use the frontier.
    """

    clock_steady: bool | None = None
    ledger_writable: bool | None = None
    lease_held: bool | None = None
    provider_up: bool | None = None
    key_may: bool | None = None
    refusing: tuple[Cap, ...] | None = None

    def share_holds(self, tokens: int) -> bool | None:
        """Whether the share holds with the amount that was asked about."""
        del tokens
        return None if self.refusing is None else all(cap.name != SHARE for cap in self.refusing)

    def money_holds(self, nano_usd: int) -> bool | None:
        """Whether every other limit of the fleet and of the key holds with it."""
        del nano_usd
        return None if self.refusing is None else all(cap.name == SHARE for cap in self.refusing)


def standing(frontier: Frontier, key_id: str, worst: Amount) -> Standing:
    """Read it in one state of the file. Raises ``LEDGER_*``."""
    now, steady = frontier.clock.now_ms(), not frontier.clock.stepped
    with frontier.store.reading() as connection:
        key = living_key(connection, key_id, now)
        if key is None:
            return Standing(steady, ledger_writable=True, key_may=False)
        if frontier.caps is None:
            covered = frontier.holdings.covers(connection, key_id, worst, now)
            # The authority has held the caps against the whole of a lease when it granted it.
            return Standing(steady, ledger_writable=True, lease_held=covered, key_may=True, refusing=())
        refusing = tuple(sums.refusing(connection, frontier.caps, key, worst, now))
    return Standing(steady, ledger_writable=True, lease_held=True, key_may=True, refusing=refusing)


def why(refusal: Refusal) -> Reason:
    """The reason of a decision for what the ledger refused."""
    if refusal.code == UNWRITABLE:
        return Reason.LEDGER_NOT_WRITABLE
    if refusal.code == KEY_REFUSED:
        return Reason.KEY_MAY_NOT
    if refusal.code == CLOCK_STEPPED:
        return Reason.CLOCK_STEPPED
    names = {cap.name for cap in refusal.caps}
    if LEASE in names:
        return Reason.NO_LEASE
    return Reason.SHARE_CAP if SHARE in names else Reason.MONEY_CAP


@dataclass(frozen=True, slots=True)
class Totals:
    """What a scrape shows. Tokens of the share's window; nano-USD of this day and month; reservations left open."""

    frontier_tokens: int
    local_tokens: int
    day_nano_usd: int
    month_nano_usd: int
    left_open: int


def totals(frontier: Frontier, window_hours: int) -> Totals:
    """Read the sums as this ledger has them: the fleet's on the authority, this node's elsewhere."""
    now = frontier.clock.now_ms()
    caps = frontier.caps or sums.Caps(window_hours=window_hours)
    with frontier.store.reading() as connection:
        seen = sums.window(connection, caps, now)
        left = connection.execute("SELECT count(*) FROM exceptions WHERE state = ? AND node = ''", (OPEN,)).fetchone()
        day = sums.spent(connection, "day", periods.day(now))
        month = sums.spent(connection, "month", periods.month(now))
    return Totals(seen.frontier, seen.local, day.nano_usd, month.nano_usd, int(left[0]))
