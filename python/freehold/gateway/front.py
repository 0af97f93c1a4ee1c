"""The outermost layer: an id for each request, an answer for each refusal, a line in the log, a count."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from freehold.gateway.api.forms import form_of
from freehold.gateway.exchange import Cut, Exchange, Recorder, chosen_id
from freehold.gateway.ids import Ids
from freehold.gateway.refusals import RefusalError, draining, our_fault
from freehold.gateway.request import Request

access = logging.getLogger("freehold.gateway.access")
defects = logging.getLogger("freehold.gateway")

OK = 200
CLIENT_WENT = 499
"""nginx's status for a client that closed before it had an answer; it is only counted and logged, never sent."""

LINGER_SECONDS = 2.0
LINGER_BYTES = 1024 * 1024
"""A refused client that is still sending would lose the answer if the connection closed at once: what it sends is
thrown away for a moment, up to so much."""

App = Callable[[Request, Exchange], Awaitable[None]]


LOG_SECONDS = 0.05
JSON = ((b"content-type", b"application/json"),)


class AccessLog:
    """A line for each exchange; the lines of a moment are written together, since a write costs more than a line."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def record(self, exchange: Exchange) -> None:
        """Note the line."""
        if not self._lines:
            asyncio.get_running_loop().call_later(LOG_SECONDS, self.close)
        self._lines.append(exchange.line())

    def close(self) -> None:
        """Write what is noted; more may follow."""
        lines, self._lines = self._lines, []
        if lines:
            access.info(f"\n{access.name}: ".join(lines))


@dataclass(frozen=True)
class Front:
    """Wraps the routes. Nothing that they raise gets past it."""

    app: App
    recorders: Sequence[Recorder]
    new_exchange: Callable[..., Exchange] = Exchange
    ids: Ids = field(default_factory=Ids)
    quiet: frozenset[str] = frozenset()
    """Paths of which only failures are recorded: other gateways ask there each second."""

    async def serve(self, request: Request) -> None:
        """Serve one request."""
        exchange = self._begin(request)
        try:
            await self._guarded(request, exchange)
        finally:
            if not request.ended:
                request.abort()
            exchange.ended = exchange.clock()
            exchange.status = exchange.status or CLIENT_WENT
            if exchange.path not in self.quiet or exchange.status != OK:
                self._record(exchange)

    def _begin(self, request: Request) -> Exchange:
        request.begun = True
        exchange = self.new_exchange(id=chosen_id(request.header(b"x-request-id"), self.ids))
        exchange.method, exchange.client = request.method, request.client
        exchange.form = form_of(request.path, request.headers)
        return exchange

    async def _guarded(self, request: Request, exchange: Exchange) -> None:
        try:
            if request.cut is Cut.NOBODY:
                await self.app(request, exchange)
        except RefusalError as refusal:
            await _refuse(refusal, request, exchange)
        except asyncio.CancelledError:
            if request.cut is Cut.NOBODY:
                raise  # nobody's client: the loop itself is ending
            if request.cut is Cut.DRAIN and not request.started:
                await _refuse(draining(), request, exchange)
        except Exception as error:  # noqa: BLE001  the last one to see it
            _log_defect(exchange, error)
            if not request.started:
                await _refuse(our_fault(), request, exchange)
        exchange.cut = exchange.cut or request.cut

    def _record(self, exchange: Exchange) -> None:
        for recorder in self.recorders:
            try:
                recorder.record(exchange)
            except Exception as error:  # noqa: BLE001  one that fails must not keep the others from their note
                _log_defect(exchange, error)


async def answer(
    request: Request, exchange: Exchange, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> None:
    """Send a whole answer."""
    exchange.status = status
    request.start(status, [*headers, *exchange.labels()], length=len(body))
    request.end(body)


async def _refuse(refusal: RefusalError, request: Request, exchange: Exchange) -> None:
    exchange.reason, exchange.status = refusal.reason, exchange.form.status(refusal)
    body = exchange.form.body(refusal, exchange.id)
    unread = request.has_body and not request.complete
    request.keep = request.keep and not unread
    headers = [(b"content-type", b"application/json"), *refusal.headers, *exchange.labels()]
    request.start(exchange.status, headers, length=len(body))
    if unread:
        await request.write(body)
        await request.linger(LINGER_BYTES, LINGER_SECONDS)
        body = b""
    request.end(body)


def _log_defect(exchange: Exchange, error: Exception) -> None:
    # The message of an exception may quote the body; its type and place are enough to find the defect.
    place = "".join(traceback.format_tb(error.__traceback__))
    defects.error("defect id=%s %s\n%s", exchange.id, type(error).__name__, place)
