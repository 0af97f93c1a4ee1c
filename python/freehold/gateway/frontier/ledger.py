"""The ledger as the way out needs it: one thread with a store of its own, so that no event loop waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.gateway.frontier import standing as reading
from freehold.gateway.frontier.standing import Standing, Totals
from freehold.ledger.caps import Amount
from freehold.ledger.exceptions import Ask
from freehold.ledger.frontier import UNWRITABLE, Ending, Frontier, Refusal, Reservation, Tokens

log = logging.getLogger("freehold.gateway.frontier")

Said = TypeVar("Said")
REST_SECONDS = 1.0
"""After a ledger that could not be written: so many who wait two seconds each would wait for minutes in a row."""
PAUSES = (0.2, 1.0, 3.0)
"""Before a settlement is tried again. One that fails for good stays reserved, and is spent at the next start."""
CLOSE_SECONDS = 5.0
SCRAPE_SECONDS = 2.0

Opener = Callable[[], Frontier]


class Reservations:
    """All methods but :meth:`totals` belong to the event loop. ``opener`` is called in the thread."""

    def __init__(self, opener: Opener, window_hours: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._opener, self._window_hours, self._clock = opener, window_hours, clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="frontier-ledger")
        self._frontier: Frontier | None = None
        self._rest_until = 0.0
        self._problem: FreeholdError | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.recovered = 0  # reservations that an earlier process left open

    @property
    def problem(self) -> FreeholdError | None:
        """Why nothing can be reserved at the moment."""
        return self._problem

    def start(self) -> None:
        """Open the ledger and close what an earlier process left open; waits for it. What fails is tried again."""
        try:
            self._thread.submit(self._opened).result()
        except (FreeholdError, FreeholdErrors) as error:
            log.error("nothing leaves while the ledger is not at hand: %s", error)  # noqa: TRY400  said whole

    async def standing(self, key_id: str, worst: Amount) -> Standing:
        """How things stand for ``worst``; a ledger that cannot be read is not writable either."""
        return await self._do(lambda: self._stands(key_id, worst))

    async def reserve(self, ask: Ask) -> Reservation | Refusal:
        """As :meth:`Frontier.reserve`; who is cancelled meanwhile gives back what was taken for nothing."""
        taking = asyncio.ensure_future(self._do(lambda: self._reserve(ask)))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            self._later(self._give_back(taking))
            raise

    def settle(self, reservation: Reservation, tokens: Tokens, nano_usd: int, ending: Ending) -> None:
        """Put down what it was; goes on when its request is gone, and :meth:`close` waits for it."""
        self._later(self._until_done(lambda one: one.settle(reservation.id, tokens, nano_usd, ending), reservation))

    def abandon(self, reservation: Reservation, outcome: str) -> None:
        """Give back all of a request of which nothing was sent; as :meth:`settle`."""
        self._later(self._until_done(lambda one: one.abandon(reservation.id, outcome), reservation))

    def totals(self) -> Totals | None:
        """The sums, for another thread that may wait a moment; none where they cannot be read."""
        try:
            return self._thread.submit(lambda: reading.totals(self._opened(), self._window_hours)).result(
                SCRAPE_SECONDS
            )
        except (FreeholdError, FreeholdErrors, TimeoutError, RuntimeError):
            return None

    async def close(self) -> None:
        """Wait for settlements under way, a bounded time, and close the store."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
        self._thread.submit(self._drop)
        await asyncio.to_thread(self._thread.shutdown)

    # In the thread: those who wait for it when it fails are told at once, not each after a failure of its own.

    def _stands(self, key_id: str, worst: Amount) -> Standing:
        if self._clock() < self._rest_until:
            return Standing(ledger_writable=False)
        try:
            return reading.standing(self._opened(), key_id, worst)
        except (FreeholdError, FreeholdErrors) as error:
            self._refused(error)
            return Standing(ledger_writable=False)

    def _reserve(self, ask: Ask) -> Reservation | Refusal:
        if self._clock() < self._rest_until:
            return Refusal(UNWRITABLE, problem=self._problem)
        try:
            found = self._opened().reserve(ask)
        except (FreeholdError, FreeholdErrors) as error:
            return Refusal(UNWRITABLE, problem=self._refused(error))
        if isinstance(found, Refusal) and found.problem is not None:
            self._refused(found.problem)
        return found

    def _opened(self) -> Frontier:
        """In the thread: the ledger, once what was left open in it is closed."""
        if self._frontier is None:
            opened = self._opener()
            try:
                self.recovered = opened.recover()
            except BaseException:
                opened.store.close()
                raise
            self._frontier = opened
            if self.recovered:
                log.warning("%d requests were under way when the gateway ended: they count as spent", self.recovered)
        return self._frontier

    def _drop(self) -> None:
        if self._frontier is not None:
            self._frontier.store.close()
            self._frontier = None

    def _refused(self, error: FreeholdError | FreeholdErrors) -> FreeholdError:
        problem = self._problem = error.errors[0] if isinstance(error, FreeholdErrors) else error
        self._rest_until = self._clock() + REST_SECONDS
        log.error("nothing leaves: %s", problem)
        return problem

    def _do(self, what: Callable[[], Said]) -> asyncio.Future[Said]:
        return asyncio.get_running_loop().run_in_executor(self._thread, what)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _give_back(self, taking: asyncio.Future[Reservation | Refusal]) -> None:
        found = await taking
        if isinstance(found, Reservation):
            await self._until_done(lambda one: one.abandon(found.id, "the client left before it"), found)

    async def _until_done(self, what: Callable[[Frontier], object], reservation: Reservation) -> None:
        for pause in (*PAUSES, None):
            try:
                await self._do(lambda: what(self._opened()))
            except (FreeholdError, FreeholdErrors) as error:
                problem = error
            else:
                return
            if pause is None:
                break
            await asyncio.sleep(pause)
        log.error("reservation %s stays spent at its worst case: %s", reservation.id, problem)


def with_provider(found: Standing, *, up: bool) -> Standing:
    """The same, with what the breaker says."""
    return replace(found, provider_up=up)
