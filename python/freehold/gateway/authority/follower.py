"""Following: each second one question to the authority; what it says is in force at once.

While it is silent, keys that are known open on, quotas count on with what was heard last, and nothing new may leave. It
is asked again after a pause that doubles up to :data:`LONGEST_PAUSE`, jittered, so that a fleet does not ask at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from freehold.errors import FreeholdError
from freehold.gateway.authority.desk import take_elsewhere
from freehold.gateway.authority.filing import Filing
from freehold.gateway.authority.ledger_thread import LedgerThread
from freehold.gateway.authority.line import Line
from freehold.gateway.authority.messages import FOLLOW
from freehold.gateway.books import Books

log = logging.getLogger("freehold.gateway")

PAUSE, LONGEST_PAUSE = 1.0, 4.0
JITTER = 0.2
ANSWER_SECONDS = 5.0
FAREWELL_SECONDS = 2.0


@dataclass
class Follower:
    """``clock`` is monotonic, in seconds. All but the ledger's part runs on the event loop."""

    books: Books
    filing: Filing
    thread: LedgerThread
    line: Line
    clock: Callable[[], float]
    window_hours: int = 7 * 24
    random: random.Random = field(default_factory=random.Random)
    up: bool = False
    """The last question was answered."""
    heard_at: float | None = None
    _since: float = 0.0
    _told: bool = False

    def __post_init__(self) -> None:
        """Nobody has been asked yet."""
        self._since = self.clock()

    @property
    def silent_seconds(self) -> float:
        """How long the authority has not been heard; before the first time since the start."""
        return self.clock() - (self._since if self.heard_at is None else self.heard_at)

    async def run(self) -> None:
        """Follow until cancelled."""
        pause = 0.0
        while True:
            await asyncio.sleep(pause * self.random.uniform(1 - JITTER, 1 + JITTER))
            more = await self.once()
            pause = self._pause(pause, more=more)

    def _pause(self, before: float, *, more: bool) -> float:
        if self.up:
            return 0.0 if more else PAUSE
        return min(LONGEST_PAUSE, 2 * before) or PAUSE

    async def once(self) -> bool:
        """Ask once; true where there is more to say at once."""
        try:
            return await self._asked()
        except FreeholdError as problem:
            self._lost(problem)
        except Exception:  # whatever it was: a revoked key must not open for hours because something failed once
            if self.up or self.heard_at is None:
                log.exception("following the authority failed, and is tried again")
            self.up = False
        return False

    async def farewell(self) -> None:
        """Give back what was leased and not spent; nothing may be reserved any more. Bounded; never raises."""
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self.thread.do(self.filing.close_leases)
                while self.up and await self.once():
                    pass
        except Exception as error:  # noqa: BLE001  the end goes on
            log.info("leases are reported after the next start: %s", type(error).__name__)

    async def _asked(self) -> bool:
        day, tokens = self.books.quota.here()
        said = await self.thread.do(self.filing.word, day, tokens, self.window_hours)
        heard = await self.thread.do(self.filing.heard, await self.line.ask(FOLLOW, said, ANSWER_SECONDS))
        take_elsewhere(self.books.quota, heard.day, heard.elsewhere)
        self.books.bar(heard.barred)
        if heard.keys_changed:
            self.books.look()
        if heard.problem is not None:
            raise heard.problem
        self._found()
        return heard.more

    def _found(self) -> None:
        if not self.up:
            waited = f" after {self.silent_seconds:.0f} s" if self.heard_at is not None else ""
            log.info(
                "the authority, %s, is followed%s: keys up to %d", self.line.authority, waited, self.filing.version
            )
        self.up, self.heard_at = True, self.clock()

    def _lost(self, problem: FreeholdError) -> None:
        if self.up or not self._told:
            log.warning("the authority is not followed; known keys open on: %s: %s", problem.code, problem.found)
        self.up, self._told = False, True
