"""The paths for other nodes, and for nobody else: who has no node's certificate hears that there is no such path."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from freehold.errors import FreeholdError, RefusedError
from freehold.gateway.authority import messages
from freehold.gateway.authority.ledger_thread import LedgerThread
from freehold.gateway.authority.office import Office
from freehold.gateway.config import Limits
from freehold.gateway.exchange import Exchange
from freehold.gateway.front import JSON, App, answer
from freehold.gateway.refusals import RefusalError
from freehold.gateway.request import Request
from freehold.ledger.quota import Quota

MIB = 1024 * 1024
BODY_BYTES = 8 * MIB
"""A follower's first word holds a line for each key, its reports one for each request that left."""

BODY_SECONDS = 5.0
PATHS = frozenset({messages.FOLLOW, messages.LEASE})


@dataclass(frozen=True)
class Desk:
    """``office`` is none where this gateway is not the authority, or has no ledger."""

    app: App
    authority: str
    is_authority: bool
    office: Office | None
    thread: LedgerThread
    quota: Quota
    limits: Limits

    async def __call__(self, request: Request, exchange: Exchange) -> None:
        """Answer to a node, or hand over to the application."""
        if not request.node or request.method != "POST" or request.path not in PATHS:
            await self.app(request, exchange)
            return
        exchange.path = request.path
        if not self.is_authority:
            text = f"This gateway keeps no keys, quotas and caps of the fleet. Ask the authority: {self.authority}."
            raise RefusalError(421, "not_the_authority", text, code="not_the_authority")
        if self.office is None:
            text = "The authority's ledger cannot be used; its journal says why. Go on with what you know."
            raise RefusalError(503, "no_ledger", text, type="server_error", code="no_ledger")
        limits = replace(self.limits, body_bytes=BODY_BYTES, body_seconds=BODY_SECONDS)
        raw = await request.body(limits)
        try:
            said = await self._said(request.path, request.node, raw, self.office)
        except FreeholdError as problem:
            raise _refusal(problem) from problem
        await answer(request, exchange, 200, JSON, said)

    async def _said(self, path: str, node: str, raw: bytes, office: Office) -> bytes:
        if path == messages.LEASE:
            return await self.thread.do(lent, office, node, raw)
        # To its end though the asker goes: the office says what is new for this node's quotas only once.
        return await asyncio.shield(asyncio.ensure_future(self._followed(node, raw, office)))

    async def _followed(self, node: str, raw: bytes, office: Office) -> bytes:
        here = self.quota.here()
        said, news = await self.thread.do(followed, office, node, raw, here)
        take_elsewhere(self.quota, here[0], news)
        return said


def followed(
    office: Office, node: str, raw: bytes, here: tuple[int, Mapping[str, int]]
) -> tuple[bytes, dict[str, int]]:
    """The answer to a follower, and what is new for this node. On the ledger's thread."""
    told, news = office.follow(node, messages.Follow.from_json(messages.parsed(raw)), here)
    return messages.dumped(told.as_json()), news


def lent(office: Office, node: str, raw: bytes) -> bytes:
    """The answer to a wish for a lease. On the ledger's thread."""
    return messages.dumped(office.lease(node, messages.parsed(raw)))


def take_elsewhere(quota: Quota, day: int, news: Mapping[str, int]) -> None:
    """Let the quotas know what was used on other nodes. On the event loop, as all calls of them."""
    for key, tokens in news.items():
        quota.set_elsewhere(key, day, tokens)


def _refusal(problem: FreeholdError) -> RefusalError:
    """A message that is wrong is the sender's fault; anything else passes."""
    status = 409 if problem.code == "LEASE_REFUSED" else 400 if isinstance(problem, RefusedError) else 503
    status = 503 if problem.code.startswith("LEDGER_UN") else status
    text = f"{problem.code} {problem.subject}: found {problem.found}; expected {problem.expected}"
    return RefusalError(status, problem.code.lower(), text, code=problem.code.lower())
