"""One request of a client: its head, its body when it is asked for, and the answer."""

from __future__ import annotations

import asyncio
import http
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import Protocol

from freehold.gateway.config import Limits
from freehold.gateway.exchange import Cut
from freehold.gateway.refusals import RefusalError, too_large, too_slow

Headers = Sequence[tuple[bytes, bytes]]

NO_CONTENT = frozenset({204, 304})
REASONS = {status.value: status.phrase.encode() for status in http.HTTPStatus}


class Wire(Protocol):
    """What a request needs of the connection that it came by."""

    def write(self, data: bytes) -> None:
        """Hand bytes to the network."""

    async def writable(self) -> None:
        """Wait while the client is behind with reading."""

    def answered(self, *, keep: bool) -> None:
        """Note that the answer is complete."""

    def abort(self) -> None:
        """Cut the connection."""


class Request:
    """A head that was within its limits. All times are seconds, all sizes bytes."""

    def __init__(
        self, wire: Wire, method: str, path: str, headers: Headers, *, client: str, version: str, node: str = ""
    ) -> None:
        self.method, self.path, self.headers, self.client = method, path, headers, client
        self.node = node  # whose certificate came with it, over the mesh; empty for clients
        self.url = b""  # path and query as they came
        self.keep = True  # the connection may take another request after this one
        self.cut = Cut.NOBODY  # who ended it before its end
        self.begun = False  # somebody is at work on it
        self.started = False  # the answer has begun
        self.ended = False
        self.complete = False  # the body is all here
        self.task: asyncio.Task[None] | None = None
        self._wire, self._chunked = wire, version != "1.0"
        self._framed = False
        self._discards = self._broken = False
        self._parts: list[bytes] = []
        self._size, self._most = 0, 0
        self._wrong: RefusalError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._head = b""

    # Reading

    def header(self, name: bytes) -> bytes | None:
        """Return the first header of that name, which must be in lower case."""
        for given, value in self.headers:
            if given == name:
                return value
        return None

    @property
    def query(self) -> bytes:
        """What stands behind the path's ``?``, as it came; one path asks for it."""
        return self.url.partition(b"?")[2]

    @property
    def has_body(self) -> bool:
        """Whether bytes follow the head."""
        return bool(self.announced) or self.header(b"transfer-encoding") is not None

    @property
    def announced(self) -> int | None:
        """``Content-Length``, or none."""
        value = self.header(b"content-length")
        return int(value) if value is not None and value.isdigit() else None

    async def body(self, limits: Limits) -> bytes:
        """Return the whole body. Raises a refusal (413, 408, 400)."""
        self._most = limits.body_bytes
        if max(self._size, self.announced or 0) > self._most:
            raise too_large(self._most)
        if not self.complete:
            try:
                async with asyncio.timeout(limits.body_seconds):
                    await self._all()
            except TimeoutError as error:
                raise too_slow("The body", limits.body_seconds) from error
        return b"".join(self._parts)

    async def _all(self) -> None:
        if self.header(b"expect") is not None:
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self.complete:
            if self._wrong is not None:
                raise self._wrong
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    async def linger(self, most: int, seconds: float) -> None:
        """Throw away what a refused client is still sending, so that it can read its answer."""
        if self._broken:
            return
        self._parts, self._discards, self._most, self._wrong = [], True, self._size + most, None
        try:
            async with asyncio.timeout(seconds):
                await self._all()
        except (TimeoutError, RefusalError):
            return

    # Answering

    def start(self, status: int, headers: Headers, *, length: int | None = None) -> None:
        """Begin the answer; ``length`` is that of its body, where it is known."""
        self.started, self._framed = True, length is not None
        lines = [b"HTTP/1.1 %d %b\r\ndate: %b\r\n" % (status, REASONS.get(status, b""), date(int(time())))]
        lines += [b"%b: %b\r\n" % header for header in headers]
        if length is not None:
            lines.append(b"content-length: %d\r\n" % length)
        elif self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        else:
            self.keep = False
        if not self.keep:
            lines.append(b"connection: close\r\n")
        self._head = b"".join([*lines, b"\r\n"])

    async def write(self, data: bytes) -> None:
        """Send a piece; waits while the client is behind."""
        self._send(self._frame(data))
        await self._wire.writable()

    def end(self, data: bytes = b"") -> None:
        """Send the last piece."""
        self._send(self._frame(data) + (b"" if self._framed or not self._chunked else b"0\r\n\r\n"))
        self.ended = True
        self._wire.answered(keep=self.keep)

    def _frame(self, data: bytes) -> bytes:
        if self.method == "HEAD":
            return b""
        return data if self._framed or not self._chunked or not data else b"%x\r\n%b\r\n" % (len(data), data)

    def _send(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if head or data:
            self._wire.write(head + data if head else data)

    # What the connection calls

    def feed(self, data: bytes) -> None:
        """Take a piece of the body; once there is too much of it, no more is kept."""
        self._size += len(data)
        if self._most and self._size > self._most:
            self._wrong = too_large(self._most)
            self._wake()
        elif not self._discards:
            self._parts.append(data)

    def finish(self) -> None:
        """Note the body's end."""
        self.complete = True
        self._wake()

    def fail(self, refusal: RefusalError) -> None:
        """Note that the body will never be complete: nothing that comes will be read."""
        self._wrong, self._broken = refusal, True
        self._wake()

    def cancel(self, by: Cut) -> None:
        """End it where it is; the first who did is named."""
        if self.ended or self.cut is not Cut.NOBODY:
            return
        self.cut = by
        if self.task is not None and self.begun:  # one that has not begun sees ``cut`` when it does
            self.task.cancel()

    def abort(self) -> None:
        """Cut the connection: there is no more to say, and closing would wait for a client that does not read."""
        self._wire.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


@lru_cache(maxsize=1)
def date(second: int) -> bytes:
    """Return HTTP's date of a time; made once a second."""
    return formatdate(second, usegmt=True).encode()
