"""uvicorn's HTTP/1.1 connection with the limits that it lacks: slow, huge and too many heads."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from freehold.gateway.config import Limits
from freehold.gateway.metrics import Metrics
from freehold.gateway.refusals import RefusalError, busy, headers_too_large, malformed, too_slow

REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large", 503: b"Unavailable"}
KERNEL_SECONDS = 5.0  # on a machine with far too much to do, filling the kernel's buffers takes more than 0.2 s


@dataclass(frozen=True)
class Guard:
    """What every connection is held to."""

    limits: Limits
    metrics: Metrics


class GuardedProtocol(HttpToolsProtocol):
    """One client connection. Its head must come in time and in size; only then does a request exist."""

    def __init__(self, guard: Guard, **given: Any) -> None:
        super().__init__(**given)
        self.access_log = False  # uvicorn's own line quotes the query, whatever its settings say
        self._guard = guard
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse one too many."""
        super().connection_made(transport)
        self._guard.metrics.connections.inc()
        if len(self.connections) > self._guard.limits.connections:
            self._refuse(busy("This endpoint", self._guard.limits.connections))
        else:
            self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_head_timer()
        self._guard.metrics.connections.dec()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and watch the size of a head that is not complete yet."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._start_head_timer()
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self._guard.limits.header_bytes:
            self._refuse(headers_too_large(self._guard.limits.header_bytes))

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        # How the application cuts off a client that does not read; closing would wait for it.
        self.scope["state"]["abort"] = self.transport.abort

    def on_headers_complete(self) -> None:
        """Hand a request whose head is within its limits to the application."""
        self._in_head = False
        self._stop_head_timer()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._guard.limits.header_bytes:
            self._refuse(headers_too_large(self._guard.limits.header_bytes))
            raise ValueError("headers too large")  # ends the parsing; send_400_response has nothing to add
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Be ready for the next head."""
        super().on_message_complete()
        self._in_head, self._head_bytes = True, 0

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, in the form of the rest."""
        self._refuse(malformed(msg, reason="not_http"))

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; one whose last answer was never read is cut."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._guard.limits.header_seconds, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._refuse(too_slow("The head of the request", self._guard.limits.header_seconds))

    def _refuse(self, refusal: RefusalError) -> None:
        if self.transport.is_closing():
            return
        self._guard.metrics.refused(refusal.reason)
        answering = self.cycle is not None and not self.cycle.response_complete
        if not answering:  # an answer under way must not get another one in its middle
            self.transport.write(_bytes(refusal))
        self.transport.close()


def keep_from_hanging(listener: socket.socket, limits: Limits) -> None:
    """Let the kernel drop connections whose peer takes nothing any more; those accepted inherit it.

    It is for what is in the kernel's buffers after an answer is complete. It counts from when the client stops reading,
    we only from when those buffers are full; so it gets more time, and an answer that is still being written meets our
    own limit first and is counted for what it is.
    """
    seconds = max(2 * limits.write_seconds, limits.write_seconds + KERNEL_SECONDS)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * seconds))


def factory(guard: Guard) -> Callable[..., GuardedProtocol]:
    """Return what uvicorn calls for each new connection."""
    return lambda **given: GuardedProtocol(guard, **given)


def _bytes(refusal: RefusalError) -> bytes:
    answer = refusal.body()
    more = b"".join(b"%s: %s\r\n" % header for header in refusal.headers)
    head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n%s\r\n"
    return head % (refusal.status, REASONS[refusal.status], len(answer), more) + answer
