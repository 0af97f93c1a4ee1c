"""What this gateway is in its fleet: the authority, a follower, or, without a ledger, neither; made at the start."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from freehold.errors import FreeholdError
from freehold.gateway.authority.desk import Desk, take_elsewhere
from freehold.gateway.authority.filing import Filing
from freehold.gateway.authority.follower import Follower
from freehold.gateway.authority.leases import Leases
from freehold.gateway.authority.ledger_thread import LedgerThread
from freehold.gateway.authority.line import Line
from freehold.gateway.authority.office import Office
from freehold.gateway.books import Books
from freehold.gateway.config import GatewayConfig
from freehold.gateway.front import App
from freehold.gateway.routing.fleet import ALONE, Fleet
from freehold.ledger import day_tokens
from freehold.ledger.caps import Caps
from freehold.ledger.periods import day
from freehold.ledger.store import Store

log = logging.getLogger("freehold.gateway")

BEAT_SECONDS = 1.0


class Part(Protocol):
    """What the authority and a follower do beside their requests."""

    async def run(self) -> None:
        """Go on until cancelled."""

    async def farewell(self) -> None:
        """The last thing before the end, bounded; no request is open any more."""


@dataclass
class Role:
    """Use :func:`opened`. ``office`` is set on the authority, ``follower`` and ``leases`` on the others."""

    config: GatewayConfig
    books: Books
    thread: LedgerThread
    store: Store | None = None
    office: Office | None = None
    follower: Follower | None = None
    leases: Leases | None = None

    def desk(self, app: App) -> Desk:
        """The application with the paths for other nodes before it."""
        config = self.config
        return Desk(
            app, config.authority, config.is_authority, self.office, self.thread, self.books.quota, config.limits
        )

    @property
    def part(self) -> Part | None:
        """What there is to do; none without a ledger."""
        return Keeping(self.office, self.books, self.thread) if self.office else self.follower

    async def run(self) -> None:
        """Do it until cancelled."""
        if self.part is not None:
            await self.part.run()

    async def farewell(self) -> None:
        """Give back what is not needed any more."""
        if self.part is not None:
            await self.part.farewell()

    def close(self) -> None:
        """End the thread, and the connection to the authority."""
        if self.follower is not None:
            self.follower.line.close()
        self.thread.close(self.store.close if self.store else lambda: None)


@dataclass(frozen=True)
class Keeping:
    """The authority's own: it puts down each second that it runs, and how new the keys are that it lets in."""

    office: Office
    books: Books
    thread: LedgerThread

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(BEAT_SECONDS)

    async def once(self) -> None:
        """One beat. Nothing that it raises ends it."""
        today, _ = self.books.quota.here()
        try:
            news = await self.thread.do(self.office.beat, self.books.version, today)
        except Exception:  # the next one may do
            log.exception("the authority could not put down that it runs")
            return
        take_elsewhere(self.books.quota, today, news)

    async def farewell(self) -> None:
        """Nothing is to be given back."""


def opened(config: GatewayConfig, books: Books, fleet: Fleet, clock: Callable[[], float] = time.monotonic) -> Role:
    """Make the role of the settings; without a ledger it is nobody's, and the books go on with what they have."""
    thread = LedgerThread("authority" if config.is_authority else "follower")
    role = Role(config, books, thread)
    if books.table is None:
        return role
    try:
        role.store = thread.now(Store.open, books.table.store.path)
        thread.now(_begin, role, fleet, clock)
    except FreeholdError as problem:
        log.error("keys, quotas and caps of the fleet are not followed: %s", problem)  # noqa: TRY400  said whole
    return role


def _begin(role: Role, fleet: Fleet, clock: Callable[[], float]) -> None:
    config, books, store = role.config, role.books, role.store
    assert store is not None  # noqa: S101  the caller opened it
    today, caps = day(books.clock.now_ms()), config.frontier.caps if config.frontier else None
    take_elsewhere(books.quota, today, day_tokens.elsewhere(store, today, told=not config.is_authority))
    if config.is_authority:
        role.office = Office(store, books.clock, config.node or ALONE, caps)
        return
    filing, line = Filing(store, books.clock), Line(fleet, config.authority)
    hours = (caps or Caps()).window_hours
    role.follower = Follower(books, filing, role.thread, line, clock, window_hours=hours)
    role.leases = Leases(filing, role.thread, line, role.follower, clock)
