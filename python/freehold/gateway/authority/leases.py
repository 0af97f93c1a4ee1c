"""Asking for what may leave: an allowance for one key, from the authority, on this node's disk before it is spent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from freehold.errors import FreeholdError
from freehold.gateway.authority.filing import Filing
from freehold.gateway.authority.follower import Follower
from freehold.gateway.authority.ledger_thread import LedgerThread
from freehold.gateway.authority.line import Line
from freehold.gateway.authority.messages import LEASE, bad, checked_version, dumped, parsed
from freehold.gateway.authority.messages import VERSION as MESSAGES
from freehold.ledger.caps import MOST_TOKENS, Amount
from freehold.ledger.holdings import Lease, LeaseAsk
from freehold.ledger.key_records import MOST

log = logging.getLogger("freehold.gateway")

TIMES = 4
"""Requests' worth of a lease: a conversation asks the authority every few turns. More would lie idle here while other
nodes are refused; what is not spent returns when the lease ends."""

LEASE_SECONDS = 120
"""How long a node that is cut off may go on sending out, and how long unspent money lies idle at one that has no more
requests. The holder that dies keeps its lease spent until it is back and reports, however short this is."""

OBTAIN_SECONDS = 3.0
ANSWER_SECONDS = 2.0
REFUSED_SECONDS = 1.0
"""After a refusal nobody is asked for so long: caps do not open in between, and a crowd would ask in vain."""

LENT, REFUSED, SILENT, FAILED = "lent", "refused", "unanswered", "failed"


@dataclass
class Round:
    """Calls of one key that share a question: those that came while it was not sent yet."""

    worst: list[Amount] = field(default_factory=list)
    sent: bool = False
    task: asyncio.Task[int] | None = None
    """How many of them are covered, in the order in which they came."""


@dataclass
class Leases:
    """The allowance of a follower. All but the ledger's part runs on the event loop."""

    filing: Filing
    thread: LedgerThread
    line: Line
    follower: Follower
    clock: Callable[[], float]
    asked: dict[str, int] = field(default_factory=lambda: dict.fromkeys((LENT, REFUSED, SILENT, FAILED), 0))
    _rounds: dict[str, Round] = field(default_factory=dict)
    _refused: dict[str, tuple[float, Amount]] = field(default_factory=dict)

    async def obtain(self, key_id: str, worst: Amount) -> bool:
        """Try to hold a lease that covers ``worst`` for this key; false where the authority says no or is silent.

        Takes at most :data:`OBTAIN_SECONDS`; calls of one key that come together share one question. Never raises for
        a network's fault, nor for the ledger's.
        """
        if not self.follower.up or self._refused_just_now(key_id, worst):
            return False
        round_ = self._rounds.get(key_id)
        if round_ is None or round_.sent:
            before = round_.task if round_ else None
            round_ = self._rounds[key_id] = Round()
            round_.task = asyncio.create_task(self._question(key_id, round_, before))
        round_.worst.append(worst)
        place = len(round_.worst)
        assert round_.task is not None  # noqa: S101  made above, or with the round
        try:
            async with asyncio.timeout(OBTAIN_SECONDS):
                return await asyncio.shield(round_.task) >= place
        except TimeoutError:
            return False

    async def _question(self, key_id: str, round_: Round, before: asyncio.Task[int] | None) -> int:
        if before is not None:
            await asyncio.wait([before])
        round_.sent = True
        try:
            return await self._covered(key_id, round_.worst)
        except FreeholdError as problem:
            self.asked[FAILED] += 1
            log.warning("no lease: %s: %s", problem.code, problem.found)
            return 0
        except Exception:  # whatever it is, nothing leaves for it, and local traffic goes on
            self.asked[FAILED] += 1
            log.exception("no lease")
            return 0
        finally:
            if self._rounds.get(key_id) is round_:
                del self._rounds[key_id]

    async def _covered(self, key_id: str, worst: list[Amount]) -> int:
        """How many of ``worst`` are covered. More is asked for at first, then exactly as much as the caps have left."""
        whole = _sum(worst)
        larger = Amount(min(TIMES * whole.tokens, MOST_TOKENS), min(TIMES * whole.nano_usd, MOST))
        refusal = await self._lent(key_id, larger)
        if not refusal:
            return 0 if refusal is None else len(worst)
        fitting = _fitting(worst, refusal)
        if fitting and (await self._lent(key_id, _sum(worst[:fitting]))) == {}:
            return fitting
        if not fitting:
            self._refused[key_id] = (self.clock() + REFUSED_SECONDS, worst[0])
        return 0

    async def _lent(self, key_id: str, amount: Amount) -> dict[str, Any] | None:
        """Ask; returns an empty object where it was lent, the refusal where it was refused, none for no answer."""
        ask = await self.thread.do(self.filing.holdings.ask, key_id, amount, LEASE_SECONDS)
        try:
            raw = await self.line.ask(LEASE, dumped({"version": MESSAGES, "ask": ask.as_json()}), ANSWER_SECONDS)
            lease, refusal = _read(raw)
        except FreeholdError as problem:
            self.asked[SILENT] += 1
            log.info("no lease: %s", problem.found)
            lease, refusal = None, None
        if refusal is not None:
            self.asked[REFUSED] += 1
            await self.thread.do(self.filing.holdings.drop, ask)
            return refusal
        return await self._held(ask, lease)

    async def _held(self, ask: LeaseAsk, lease: Lease | None) -> dict[str, Any] | None:
        try:
            if lease is None:
                raise bad("no lease")
            await self.thread.do(self.filing.holdings.hold, lease)
        except FreeholdError:
            # It may have been lent all the same: what was asked for is closed here, and reported as unspent.
            await self.thread.do(self.filing.holdings.close, ask.id)
            return None
        self.asked[LENT] += 1
        return {}

    def _refused_just_now(self, key_id: str, worst: Amount) -> bool:
        until, smallest = self._refused.get(key_id, (0.0, worst))
        if self.clock() >= until:
            self._refused.pop(key_id, None)
            return False
        return worst.tokens >= smallest.tokens and worst.nano_usd >= smallest.nano_usd


def _read(raw: bytes) -> tuple[Lease | None, dict[str, Any] | None]:
    told = checked_version(parsed(raw))
    lease, refusal = told.get("lease"), told.get("refusal")
    if isinstance(refusal, dict) and refusal:
        return None, refusal
    if not isinstance(lease, dict):
        raise bad("neither a lease nor a refusal")
    return Lease.from_json(lease), None


def _sum(amounts: Iterable[Amount]) -> Amount:
    several = tuple(amounts)
    return Amount(sum(one.tokens for one in several), sum(one.nano_usd for one in several))


def _fitting(worst: list[Amount], refusal: dict[str, Any]) -> int:
    """How many of ``worst``, in their order, fit into what the refusing caps have left; 0 where no size is any help."""
    left = {"tokens": MOST_TOKENS, "nano_usd": MOST}
    caps = refusal.get("caps")
    for cap in caps if isinstance(caps, list) else []:
        unit, rest = cap.get("unit"), cap.get("left")
        if unit not in left or not isinstance(rest, int):
            return 0
        left[unit] = min(left[unit], rest)
    if not caps:
        return 0
    for number in range(len(worst), 0, -1):
        whole = _sum(worst[:number])
        if whole.tokens <= left["tokens"] and whole.nano_usd <= left["nano_usd"]:
            return number
    return 0
