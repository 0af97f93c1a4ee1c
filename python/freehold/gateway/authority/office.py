"""What the authority does with a follower's word, and with a wish for a lease. All calls come from the ledger's thread.

A ledger that cannot be written keeps nobody from hearing which keys were revoked: what could not be put down is kept in
memory and put down later, a lease's report is not acknowledged, and no lease is granted.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from freehold.errors import FreeholdError
from freehold.gateway.authority.messages import VERSION, Followed, Json, bad, checked_version
from freehold.gateway.authority.messages import Follow as Word
from freehold.gateway.authority.tally import Tally, difference
from freehold.ledger import day_tokens, followers
from freehold.ledger.caps import Caps
from freehold.ledger.clock import LedgerClock
from freehold.ledger.followers import Heard
from freehold.ledger.frontier import Refusal
from freehold.ledger.holdings import Lease, LeaseAsk, LeaseReport
from freehold.ledger.keys import KeyTable, KeyWatch
from freehold.ledger.leases import LeaseBook
from freehold.ledger.periods import SECOND_MS, day
from freehold.ledger.replication import Changes, changes_since
from freehold.ledger.store import Store

log = logging.getLogger("freehold.gateway")

HEARD_MS = 2 * SECOND_MS
"""How often it is put down that somebody was heard of, while nothing else is new: a commit each time."""

SESSION_BYTES = 8
OFF = "FRONTIER_OFF"


@dataclass
class Told:
    """What a follower was told last: it is sent only what differs."""

    number: int
    day: int
    elsewhere: Mapping[str, int]


@dataclass
class Office:
    """``own`` is the authority's node; ``caps`` is none where nothing may leave."""

    store: Store
    clock: LedgerClock
    own: str
    caps: Caps | None = None
    session: str = field(default_factory=lambda: secrets.token_hex(SESSION_BYTES))
    heard: dict[str, Heard] = field(default_factory=dict)
    outstanding: int = 0
    _told: dict[str, Told] = field(default_factory=dict)
    _limited: frozenset[str] = frozenset()
    _unsaved: set[tuple[int, str]] = field(default_factory=set)
    _saved_ms: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin where the ledger left off."""
        self.keys = KeyTable(self.store, self.clock)
        self._watch = KeyWatch(self.keys)
        self.tally = Tally(day_tokens.of_nodes(self.store, day(self.clock.now_ms()) - 1))
        with self.store.reading() as connection:
            self.heard = followers.all_of(connection)
        self._look_at_keys()

    def follow(self, node: str, said: Word, here: tuple[int, Mapping[str, int]]) -> tuple[Followed, dict[str, int]]:
        """Answer to a follower; ``here`` are this node's own day and tokens.

        Returns also what is new of the others' tokens for this node's quotas.
        """
        now, same = self.clock.now_ms(), said.session == self.session
        self.tally.take(here[0], self.own, here[1], whole=True)
        near = abs(said.day - day(now)) <= 1  # a clock that is days off has no part in anybody's quotas
        new = self.tally.take(said.day, node, said.tokens, whole=said.whole) if near else {}
        self._look_at_keys()
        heard = Heard(node, now, said.source if same else "", said.position if same else 0)
        taken, refused = self._write(heard, said, new)
        self.tally.forget_before(day(now))
        known = self._told.get(node) if same else None
        if known is None or known.number != said.heard or known.day != said.day:
            known = None
        elsewhere = self.tally.elsewhere(said.day, node, self._limited)
        told = self._told[node] = Told(said.heard + 1 if same else 1, said.day, elsewhere)
        answer = Followed(
            self.session, told.number, said.day, known is None,
            elsewhere if known is None else difference(known.elsewhere, elsewhere),
            self._changes(said, same=same), tuple(taken), refused,
        )  # fmt: skip
        return answer, self.news_here(here[0])

    def news_here(self, at_day: int) -> dict[str, int]:
        """What this node's own quotas do not know yet of the others' tokens on ``at_day``."""
        now, before = self.tally.elsewhere(at_day, self.own, self._limited), self._told.get(self.own)
        self._told[self.own] = Told(0, at_day, now)
        return difference(before.elsewhere if before and before.day == at_day else {}, now)

    def lease(self, node: str, message: Json) -> Json:
        """Lend what was asked for, or say which caps are in the way. Raises ``LEASE_REFUSED`` and for bad messages."""
        told = checked_version(message).get("ask")
        if message.keys() != {"version", "ask"} or not isinstance(told, dict):
            raise bad("no ask, or more than one")
        ask = LeaseAsk.from_json(told)
        if self.caps is None:
            return _answer(Refusal(OFF))
        said = LeaseBook(self.store, self.clock, self.caps).grant(node, ask)
        self._count_leases()
        return _answer(said)

    def beat(self, version: int, at_day: int) -> dict[str, int]:
        """Put down that this gateway runs, and knows its keys up to ``version``; as :meth:`news_here`."""
        heard = Heard(self.own, self.clock.now_ms(), self.store.id, version)
        self._look_at_keys()
        self._write(heard, None, {})
        return self.news_here(at_day)

    def _changes(self, said: Word, *, same: bool) -> Changes | None:
        changes = changes_since(self.keys, said.source if same else "", said.position)
        current = same and said.source == changes.source and said.position == changes.version
        return None if current else changes

    def _look_at_keys(self) -> None:
        # Only who has a limit of tokens needs to know of others' tokens.
        if self._watch.changed():
            self._limited = frozenset(key.id for key in self.keys.listed() if key.limits.tokens_per_day is not None)

    def _write(self, heard: Heard, said: Word | None, new: Mapping[str, int]) -> tuple[list[str], dict[str, str]]:
        place = (said.day, heard.node) if said else (0, heard.node)
        try:
            if new or self._is_news(heard) or place in self._unsaved:
                self._save(heard, place, new)
            if said is None:
                return [], {}
            return self._reported(heard.node, said)
        except FreeholdError as problem:
            if new:
                self._unsaved.add(place)
            log.warning("the word of %s is not on record yet: %s", heard.node, problem.code)
            return [], {}
        finally:
            self.heard[heard.node] = heard

    def _is_news(self, heard: Heard) -> bool:
        before = self.heard.get(heard.node)
        moved = before is None or (before.source, before.version) != (heard.source, heard.version)
        return moved or heard.heard_ms - self._saved_ms.get(heard.node, 0) >= HEARD_MS

    def _save(self, heard: Heard, place: tuple[int, str], new: Mapping[str, int]) -> None:
        with self.store.transaction() as connection:
            self.clock.record(connection)
            followers.put(connection, heard)
            if place in self._unsaved:
                day_tokens.put(connection, *place, self.tally.of.get(place, {}), whole=True)
            elif new:
                day_tokens.put(connection, *place, new)
        self._unsaved.discard(place)
        self._saved_ms[heard.node] = heard.heard_ms

    def _reported(self, node: str, said: Word) -> tuple[list[str], dict[str, str]]:
        book = LeaseBook(self.store, self.clock, self.caps or Caps())
        if said.hours:
            book.local_tokens(node, said.hours)
        taken: list[str] = []
        refused: dict[str, str] = {}
        for report in said.reports:
            _take(book, node, report, taken, refused)
        if taken:
            self._count_leases()
        return taken, refused

    def _count_leases(self) -> None:
        with self.store.reading() as connection:
            statement = "SELECT count(*) FROM leases_granted WHERE closed_ms IS NULL"
            self.outstanding = int(connection.execute(statement).fetchone()[0])


def _take(book: LeaseBook, node: str, report: LeaseReport, taken: list[str], refused: dict[str, str]) -> None:
    """One report that is wrong keeps none of the others out."""
    try:
        book.report(node, report)
    except FreeholdError as problem:
        if problem.code.startswith(("LEDGER_UN", "LEDGER_BUSY")):
            return  # it comes again
        log.warning("a report of %s is refused: %s", node, problem)
        refused[report.lease_id] = problem.code
    else:
        taken.append(report.lease_id)


def _answer(said: Lease | Refusal) -> dict[str, Any]:
    lent = said.as_json() if isinstance(said, Lease) else None
    refusal = said.as_json() if isinstance(said, Refusal) else None
    return {"version": VERSION, "lease": lent, "refusal": refusal}
