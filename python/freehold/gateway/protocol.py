"""A client's HTTP/1.1 connection, held to its limits: slow, huge and too many heads, answers that nobody reads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote

import httptools

from freehold.gateway.config import Limits
from freehold.gateway.exchange import Cut
from freehold.gateway.metrics import Metrics
from freehold.gateway.refusals import RefusalError, busy, draining, headers_too_large, malformed, too_slow
from freehold.gateway.request import REASONS, Request
from freehold.service.tls import node_of

VERSIONS = frozenset({"1.0", "1.1"})


@dataclass(frozen=True)
class Guard:
    """What all connections share: their limits, who answers, and which there are."""

    limits: Limits
    metrics: Metrics
    serve: Callable[[Request], Coroutine[Any, Any, None]]
    connections: set[Connection] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)  # one for each request that is being served
    emptied: asyncio.Event = field(default_factory=asyncio.Event)  # the last of both went
    ending: asyncio.Event = field(default_factory=asyncio.Event)  # the drain has begun

    def begin(self, request: Request) -> None:
        """Serve a request."""
        request.task = asyncio.get_running_loop().create_task(self.serve(request))
        self.tasks.add(request.task)
        request.task.add_done_callback(self._done)

    def forget(self, connection: Connection) -> None:
        """Note that a connection went."""
        self.connections.discard(connection)
        self._look()

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self._look()

    def _look(self) -> None:
        if not self.connections and not self.tasks:
            self.emptied.set()


class Connection(asyncio.Protocol):
    """One client connection. Its head must come in time and in size; only then does a request exist."""

    def __init__(self, guard: Guard) -> None:
        self._loop = asyncio.get_running_loop()
        self._guard = guard
        self._parser = httptools.HttpRequestParser(self)
        self._answering: Request | None = None
        self._reading: Request | None = None  # whose body is coming
        self._next: deque[Request] = deque()  # sent before the answer to the one before
        self._deaf = False  # what still comes is of no interest
        self._ending = False  # the next answer is the last
        self._begun = False  # a part of a head has come
        self._head_timed = False  # and the timer for the rest of it runs
        self._head_bytes = 0  # of a head that is not complete
        self._size = 0  # of the head that is being parsed
        self._around = 0  # bytes since the last one of a body: sizes of its chunks, and what comes after it
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse one too many."""
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._client = str(peer[0]) if peer else ""
        self._node = node_of(transport.get_extra_info("peercert"))
        self._guard.connections.add(self)
        self._ending = self._guard.ending.is_set()
        if self._ending and transport.get_extra_info("ssl_object") is not None:
            self._refuse(draining())  # of the mesh: another gateway, which asks elsewhere instead of waiting
        elif len(self._guard.connections) > self._guard.limits.connections:
            self._refuse(busy("This endpoint", self._guard.limits.connections))
        else:
            self._time_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and stop what was being done for it."""
        del exc
        self._guard.forget(self)
        self._stop_timer()
        self.resume_writing()
        self._next.clear()
        if self._answering is not None:
            self._answering.cancel(Cut.CLIENT)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and watch the size and the time of a head that is not complete yet."""
        if self._deaf:
            return
        if self._reading is None:
            self._head_bytes += len(data)
        else:
            self._around += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # not followed; what comes after this request would not be HTTP/1.1
        except httptools.HttpParserError:
            self._refuse(malformed("Invalid HTTP request received.", reason="not_http"))
        if self._deaf:
            return
        if self._reading is None:
            self._watch_head()
        elif self._around > self._guard.limits.header_bytes:
            self._refuse(headers_too_large(self._guard.limits.header_bytes))

    def pause_writing(self) -> None:
        """Begin to wait for a client that is behind with reading."""
        self._drained = self._loop.create_future()
        self._stall = self._loop.call_later(self._guard.limits.write_seconds, self._stalled)

    def resume_writing(self) -> None:
        """Go on."""
        if self._stall is not None:
            self._stall.cancel()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._stall = self._drained = None

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._begun, self._url, self._headers, self._size = True, b"", [], 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. One that comes after the body is nobody's."""
        if self._reading is not None:
            return
        self._size += len(name) + len(value) + 4
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Make a request of a head that is within its limits."""
        self._begun, self._head_timed, self._head_bytes, self._around = False, False, 0, 0
        self._stop_timer()
        if self._parser.get_http_version() not in VERSIONS:
            self._refuse(malformed("HTTP/1.1 is spoken here.", reason="not_http"))
            raise ValueError("another version")  # ends the parsing
        if len(self._url) + self._size > self._guard.limits.header_bytes:
            self._refuse(headers_too_large(self._guard.limits.header_bytes))
            raise ValueError("headers too large")  # ends the parsing
        self._reading = request = self._request()
        if self._answering is None:
            self._start(request)
        else:
            self._next.append(request)
            self.transport.pause_reading()

    def on_body(self, data: bytes) -> None:
        """Hand a piece of the body to its request."""
        self._around = 0
        if self._reading is not None:
            self._reading.feed(data)

    def on_message_complete(self) -> None:
        """Be ready for the next head."""
        if self._reading is not None:
            self._deaf = self._deaf or not self._reading.keep
            self._reading.finish()
        self._reading = None

    # What the request calls

    def write(self, data: bytes) -> None:
        """Hand bytes to the network."""
        if not self.transport.is_closing():
            self.transport.write(data)

    async def writable(self) -> None:
        """Wait while the client is behind with reading."""
        if self._drained is not None:
            await self._drained

    def answered(self, *, keep: bool) -> None:
        """Turn to the next request, or wait for it; or close."""
        unread = self._reading is self._answering
        self._answering = None
        if unread or not keep or (self._deaf and not self._next):
            self.transport.close()
        elif self._next:
            self._start(self._next.popleft())
            if not self._next:
                self.transport.resume_reading()
        elif not self._begun:
            self._set_timer(self._guard.limits.keep_alive_seconds, self._is_idle)

    def abort(self) -> None:
        """Cut the connection."""
        self.transport.abort()

    # What the server calls

    def last_call(self) -> None:
        """Let the next answer be the last, and say so in it: a client that comes again comes to another connection."""
        self._ending = True
        if self._answering is not None:
            self._answering.keep = False

    def shutdown(self) -> None:
        """Close after the answer that is under way; at once, where there is none."""
        self.last_call()
        if self._answering is None:
            self.transport.close()

    def cancel(self, by: Cut) -> None:
        """End the answer that is under way."""
        if self._answering is not None:
            self._answering.cancel(by)

    # Inside

    def _request(self) -> Request:
        method, url = self._parser.get_method().decode("ascii"), self._url
        path = url.partition(b"?")[0].decode("latin-1")
        path, version = unquote(path) if "%" in path else path, self._parser.get_http_version()
        request = Request(self, method, path, self._headers, client=self._client, version=version, node=self._node)
        request.url, request.keep = url, version != "1.0" and self._parser.should_keep_alive() and not self._ending
        return request

    def _start(self, request: Request) -> None:
        self._answering = request
        self._guard.begin(request)

    def _watch_head(self) -> None:
        if self._head_bytes > self._guard.limits.header_bytes:
            self._refuse(headers_too_large(self._guard.limits.header_bytes))
        elif self._begun and not self._head_timed:
            self._time_head()

    def _time_head(self) -> None:
        self._head_timed = True
        self._set_timer(self._guard.limits.header_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._refuse(too_slow("The head of the request", self._guard.limits.header_seconds))

    def _is_idle(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # its last answer was never read
        else:
            self.transport.close()

    def _stalled(self) -> None:
        if self._answering is not None:
            self._answering.cancel(Cut.SLOW_CLIENT)
        self.transport.abort()

    def _refuse(self, refusal: RefusalError) -> None:
        if self._deaf or self.transport.is_closing():
            return
        self._deaf = True
        if self._reading is not None:
            self._reading.keep = False
            self._reading.fail(refusal)
            return
        self._guard.metrics.refused(refusal.reason)
        if self._answering is None:  # an answer under way must not get another one in its middle
            self.transport.write(_bytes(refusal))
        self.transport.close()

    def _set_timer(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self._loop.call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _bytes(refusal: RefusalError) -> bytes:
    answer = refusal.body()
    more = b"".join(b"%s: %s\r\n" % header for header in refusal.headers)
    head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n%s\r\n"
    return head % (refusal.status, REASONS[refusal.status], len(answer), more) + answer
