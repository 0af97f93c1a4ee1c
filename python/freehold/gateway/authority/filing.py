"""The ledger's part of following: what there is to say, and what was heard. All calls come from the ledger's thread."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from freehold.errors import FreeholdError
from freehold.gateway.authority.messages import Follow, Followed, dumped, parsed
from freehold.gateway.authority.tally import difference
from freehold.ledger import day_tokens
from freehold.ledger.clock import LedgerClock
from freehold.ledger.holdings import Holdings, LeaseReport
from freehold.ledger.keys import KeyTable
from freehold.ledger.periods import hour
from freehold.ledger.replication import apply, position
from freehold.ledger.store import Store

log = logging.getLogger("freehold.gateway")

REPORTS_AT_ONCE = 16
HOURS_AT_ONCE = 2000
"""Enough for the longest window of the share; a first word only."""


@dataclass(frozen=True)
class Heard:
    """What of an answer is for the event loop."""

    day: int
    elsewhere: Mapping[str, int]
    keys_changed: bool = False
    more: bool = False  # there is something to say at once
    barred: frozenset[str] = frozenset()
    problem: FreeholdError | None = None
    """Why nothing was put down; ``barred`` are the digests that were revoked all the same."""


@dataclass
class Filing:
    """Remembers what the authority acknowledged, so that only what is new is said."""

    store: Store
    clock: LedgerClock
    session: str = ""
    number: int = 0
    version: int = 0
    leases: int = 0
    _day: int = -1
    _whole: bool = True
    _said_whole: bool = True
    _tokens: dict[str, int] = field(default_factory=dict)
    _known: dict[str, int] = field(default_factory=dict)  # of our tokens, by the authority
    _elsewhere: dict[str, int] = field(default_factory=dict)
    _hours: dict[int, int] = field(default_factory=dict)
    _told_hours: dict[int, int] = field(default_factory=dict)
    _reports: list[LeaseReport] = field(default_factory=list)
    _not_taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin where the ledger left off."""
        self.keys, self.holdings = KeyTable(self.store, self.clock), Holdings(self.store, self.clock)

    def word(self, day: int, tokens: Mapping[str, int], window_hours: int) -> bytes:
        """What there is to say: ``tokens`` are this node's of ``day``."""
        if day != self._day:
            self._day, self._known, self._whole = day, {}, True
            self._elsewhere = day_tokens.elsewhere(self.store, day, told=True)
        self._tokens = dict(tokens)
        source, followed = position(self.keys)
        self.version = followed
        self._find_reports()
        self._hours = self.holdings.local_hours(hour(self.clock.now_ms()) - min(window_hours, HOURS_AT_ONCE))
        whole = self._said_whole = self._whole or not self.session
        told_hours = {} if whole else self._told_hours
        said = Follow(
            session=self.session,
            heard=self.number,
            source=source,
            position=followed,
            day=day,
            whole=whole,
            tokens=self._tokens if whole else difference(self._known, self._tokens),
            hours={one: count for one, count in self._hours.items() if told_hours.get(one) != count},
            reports=tuple(self._reports),
        )
        return dumped(said.as_json())

    def close_leases(self) -> None:
        """Spend no more of any lease, so that each can be given back."""
        with self.store.transaction() as connection:
            self.clock.record(connection)
            self.holdings.close_all(connection)

    def heard(self, raw: bytes) -> Heard:
        """Take over an answer. Raises for one that is not understood; after either the next word says all of it anew.

        What cannot be put down is not taken over, but a key that was revoked is told all the same.
        """
        session, self.session = self.session, ""
        said = Followed.from_json(parsed(raw))
        try:
            heard = self._heard(said, same=said.session == session)
        except FreeholdError as problem:
            return Heard(said.day, {}, barred=_revoked(said), problem=problem)
        self.session = said.session
        return heard

    def _heard(self, said: Followed, *, same: bool) -> Heard:
        changed = said.keys is not None and apply(self.keys, said.keys)
        for report in self._reports:
            if report.lease_id in said.taken:
                self.holdings.acknowledged(report)
        self._not_taken |= said.refused.keys()
        news = self._take_elsewhere(said)
        # Who answers in another session has not heard what was said to the one before: it is said again.
        self._whole = not (same or self._said_whole)
        self._known, self._told_hours = self._tokens, self._hours
        self.number, self.version = said.number, position(self.keys)[1]
        return Heard(said.day, news, changed, changed or bool(said.taken) or self._whole)

    def _take_elsewhere(self, said: Followed) -> dict[str, int]:
        if said.day != self._day:
            return {}
        now = dict(said.elsewhere) if said.whole else {**self._elsewhere, **said.elsewhere}
        news = difference(self._elsewhere, now)
        if news or said.whole:
            with self.store.transaction() as connection:
                self.clock.record(connection)
                day_tokens.put(connection, said.day, day_tokens.TOLD, now if said.whole else news, whole=said.whole)
        self._elsewhere = now
        return news

    def _find_reports(self) -> None:
        self.holdings.expire()
        self._reports = self.holdings.final_reports(REPORTS_AT_ONCE, self._not_taken)
        self.leases = self.holdings.living()


def _revoked(said: Followed) -> frozenset[str]:
    """Digests that the authority says open nothing any more."""
    gone = [key for key in said.keys.keys if key.revoked_ms is not None] if said.keys else []
    return frozenset(digest for key in gone for digest in (key.sha256, key.rotated_from) if digest)
