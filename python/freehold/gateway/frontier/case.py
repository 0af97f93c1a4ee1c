"""One request that a route or a header makes a case: what is known of it, what is decided, and what follows.

Facts are gathered in the order of the conditions, the cheap ones first, and only as long as all before them hold: a
body is not judged for a key that may not leave, the ledger is not asked about a body that holds a secret.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from freehold.gateway.exchange import Exchange
from freehold.gateway.frontier import refusing
from freehold.gateway.frontier.ledger import with_provider
from freehold.gateway.frontier.outgoing import Json, Measure, measured
from freehold.gateway.frontier.refusing import Miss
from freehold.gateway.frontier.standing import Standing
from freehold.gateway.frontier.trip import Trip
from freehold.gateway.frontier.ways import Way
from freehold.gateway.policy.decision import Decision, decide
from freehold.gateway.policy.facts import KeyFacts, RequestFacts, RouteRule
from freehold.gateway.policy.reasons import Otherwise, Outcome, Reason
from freehold.gateway.policy.rule import Finding
from freehold.gateway.refusals import RefusalError
from freehold.gateway.request import Request
from freehold.ledger.caps import Amount
from freehold.ledger.key_records import Key
from freehold.ledger.periods import SECOND_MS

if TYPE_CHECKING:
    from freehold.gateway.frontier.valve import Valve


@dataclass
class Case:
    """``way`` is none for a local model whose client sent the header; ``rule`` is the owner's word on the name."""

    valve: Valve
    key: Key
    body: Json
    request: Request
    exchange: Exchange
    header: str | None
    way: Way | None
    rule: RouteRule
    _measure: Measure | None = field(default=None)
    _measured: bool = field(default=False)
    _obtained: bool = field(default=False)

    async def tokens(self) -> int:
        """The most tokens that it may use elsewhere, for a key with a limit of them; else 0."""
        if self.key.limits.tokens_per_day is None or self._early().reason is not Reason.RULE_FOUND:
            return 0
        measure = await self._size()
        return measure.tokens if measure else 0

    async def answered(self) -> bool:
        """Let it leave where everything allows it; false where it is to be answered here. Raises a refusal."""
        decision = await self._decided()
        self.valve.metrics.found(decision.findings)
        if decision.outcome is not Outcome.LEAVES:
            miss = Miss(decision.reason, self._wait(decision.reason), findings=decision.findings)
            return self._stays(miss, here=decision.outcome is Outcome.LOCAL, told=decision.asked is not None)
        miss_or_none = await self._sent(decision)
        if miss_or_none is None:
            return True
        return self._stays(miss_or_none, here=self.rule.otherwise is Otherwise.ANSWER_LOCALLY, told=True)

    def _stays(self, miss: Miss, *, here: bool, told: bool) -> bool:
        self.valve.metrics.decided(self.rule.name, Outcome.LOCAL if here else Outcome.REFUSED, miss.reason)
        if told or not here:
            self.exchange.frontier = miss.reason.value
        if not here:
            raise refusing.refusal(miss)
        self.exchange.on_record = False  # the local answer gets a row of its own
        return False

    async def _sent(self, decision: Decision) -> Miss | None:
        trip = self._trip(decision)
        if trip is None:  # decide lets nothing leave without these
            return Miss(Reason.NO_PROVIDER)
        try:
            miss = await trip.run()
        except RefusalError:
            self.valve.metrics.decided(self.rule.name, Outcome.LEAVES, decision.reason)
            raise
        if miss is None:
            self.valve.metrics.decided(self.rule.name, Outcome.LEAVES, decision.reason)
        return miss

    def _trip(self, decision: Decision) -> Trip | None:
        worst, valve = self._worst(), self.valve
        if self.way is None or self._measure is None or worst is None or valve.ledger is None or decision.asked is None:
            return None
        return Trip(
            self.way, valve.ends[self.way.provider.name], valve.ledger, valve.allowance, valve.metrics, valve.now_ms,
            self.request, self.exchange, self.body, self._measure, worst, self.key.id, decision.asked.value,
            obtain=not self._obtained,
        )  # fmt: skip

    # What is decided, and from what

    def _early(self) -> Decision:
        """With what costs nothing to know. ``RULE_FOUND`` says that all before the judging holds."""
        return self._decide(None, None)

    async def _decided(self) -> Decision:
        early = self._early()
        if early.reason is not Reason.RULE_FOUND:
            return early
        await self._size()
        findings = await asyncio.to_thread(self.valve.judge.findings, self.body)
        judged = self._decide(None, findings)
        worst = self._worst()
        if judged.reason is not Reason.CLOCK_STEPPED or worst is None:
            return judged
        found = self._decide(await self._standing(worst), findings)
        if found.reason is not Reason.NO_LEASE:
            return found
        self._obtained = await self.valve.allowance.obtain(self.key.id, worst)
        return self._decide(await self._standing(worst), findings) if self._obtained else found

    def _decide(self, caps: Standing | None, findings: tuple[Finding, ...] | None) -> Decision:
        worst = self._worst()
        facts = RequestFacts(
            self.rule.name, self.header, worst.tokens if worst else None, worst.nano_usd if worst else None
        )
        may = self.key.limits.frontier and (caps is None or caps.key_may is not False)
        return decide(facts, KeyFacts(self.key.name, may), self.rule, caps, findings)

    async def _standing(self, worst: Amount) -> Standing:
        valve, way = self.valve, self.way
        if valve.ledger is None or way is None or not valve.writable():
            return Standing(ledger_writable=False, clock_steady=True)
        found = await valve.ledger.standing(self.key.id, worst)
        if found.ledger_writable is False:
            found = Standing(clock_steady=True, ledger_writable=False)
        return with_provider(found, up=valve.ends[way.provider.name].breaker.up)

    async def _size(self) -> Measure | None:
        if not self._measured and self.way is not None:
            each = self.way.provider.tokens_each_image or None
            self._measure = await asyncio.to_thread(measured, self.body, self.exchange.path, each)
            self._measured = True
        return self._measure

    def _worst(self) -> Amount | None:
        at = datetime.fromtimestamp(self.valve.now_ms() / SECOND_MS, UTC)
        return self.way.worst(self._measure, at) if self.way else None

    def _wait(self, reason: Reason) -> float | None:
        if reason is Reason.PROVIDER_DARK and self.way is not None:
            return self.valve.ends[self.way.provider.name].breaker.wait
        return None
