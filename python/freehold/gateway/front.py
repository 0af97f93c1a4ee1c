"""The outermost layer: an id for each request, an answer for each refusal, a line in the log, a count."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from freehold.gateway import exchange as exchanges
from freehold.gateway.api.forms import form_of
from freehold.gateway.body import ClientGoneError, has_body
from freehold.gateway.exchange import Cut, Exchange
from freehold.gateway.metrics import Metrics
from freehold.gateway.refusals import RefusalError, our_fault
from freehold.gateway.relay import SlowClientError

access = logging.getLogger("freehold.gateway.access")
defects = logging.getLogger("freehold.gateway")

CLIENT_WENT = 499
"""nginx's status for a client that closed before it had an answer; it is only counted and logged, never sent."""

LINGER_SECONDS = 2.0
LINGER_BYTES = 1024 * 1024
"""A refused client that is still sending would lose the answer if the connection closed at once: what it sends is
thrown away for a moment, up to so much."""


@dataclass(frozen=True)
class Front:
    """Wraps the routes. Nothing that they raise gets past it."""

    app: ASGIApp
    metrics: Metrics
    new_exchange: Callable[[], Exchange] = Exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = scope[exchanges.STATE] = self._begin(scope)
        try:
            await self._serve(scope, receive, _Labelled(exchange, send), exchange)
        finally:
            exchange.ended = exchange.clock()
            exchange.status = exchange.status or CLIENT_WENT
            self.metrics.record(exchange)
            access.info(exchange.line())

    def _begin(self, scope: Scope) -> Exchange:
        exchange = self.new_exchange()
        exchange.method = scope["method"]
        exchange.form = form_of(scope["path"], scope["headers"])
        exchange.client = scope["client"][0] if scope.get("client") else ""
        return exchange

    async def _serve(self, scope: Scope, receive: Receive, send: _Labelled, exchange: Exchange) -> None:
        try:
            await self.app(scope, receive, send)
        except RefusalError as refusal:
            await _refuse(refusal, scope, receive, send, exchange)
        except ClientGoneError:
            exchange.cut = Cut.CLIENT
        except SlowClientError:
            exchange.cut = Cut.SLOW_CLIENT
            _abort(scope)
        except Exception as error:  # noqa: BLE001  the last one to see it
            _log_defect(exchange, error)
            if exchange.status:
                _abort(scope)
            else:
                await _refuse(our_fault(), scope, receive, send, exchange)


@dataclass
class _Labelled:
    """Adds to each answer who gave it."""

    exchange: Exchange
    send: Send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.exchange.status = message["status"]
            message["headers"] = [*message.get("headers", []), *self._labels()]
        await self.send(message)

    def _labels(self) -> list[tuple[bytes, bytes]]:
        labels = {"x-request-id": self.exchange.id}
        if self.exchange.route:
            labels |= {"x-freehold-model": self.exchange.model, "x-freehold-route": self.exchange.route}
        return [(name.encode(), value.encode()) for name, value in labels.items()]


async def _refuse(refusal: RefusalError, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
    exchange.reason = refusal.reason
    answer = exchange.form.body(refusal, exchange.id)
    unread = has_body(scope) and not exchange.body_read
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    headers += [*refusal.headers, *([(b"connection", b"close")] if unread else [])]
    await send({"type": "http.response.start", "status": exchange.form.status(refusal), "headers": headers})
    await send({"type": "http.response.body", "body": answer, "more_body": True})
    if unread:
        await _linger(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _linger(receive: Receive) -> None:
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _abort(scope: Scope) -> None:
    # Closing would wait for a client that does not read; there is no more to say to it.
    abort = scope.get("state", {}).get("abort")
    if abort is not None:
        abort()


def _log_defect(exchange: Exchange, error: Exception) -> None:
    # The message of an exception may quote the body; its type and place are enough to find the defect.
    place = "".join(traceback.format_tb(error.__traceback__))
    defects.error("defect id=%s %s\n%s", exchange.id, type(error).__name__, place)
