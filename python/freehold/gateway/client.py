"""An HTTP/1.1 client of just what a gateway needs: send a whole request, read the answer piece by piece.

Nothing is decoded, followed, cached or resolved here. An answer that its reader is slow to take is not read from the
network either, beyond :data:`HIGH_WATER` bytes.
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools

HIGH_WATER = 256 * 1024
LONGEST_HEAD = 64 * 1024
INFORMATIONAL, FINAL = 100, 200
WITHOUT_BODY = frozenset({204, 304})


class LostError(Exception):
    """The connection broke, fell silent, or spoke no HTTP before the answer's end."""


class UnreachedError(LostError):
    """No connection came about: nothing of the request was sent."""


class Connection(asyncio.Protocol):
    """One connection to a server, which answers one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.heard = False  # a byte of the answer has come
        self.complete = True  # nothing is under way
        self.lost = False
        self.silent = False  # lost because nothing came for too long
        self.kept = False  # the server will take another request
        self._framed = False  # the answer says itself where it ends
        self._parts: list[bytes] = []
        self._size = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, head: bytes, body: bytes, silence: float) -> int:
        """Send a request; returns the status once the answer's head is here. Raises :class:`LostError`.

        ``silence`` is how many seconds may pass without a byte, until the answer's end.
        """
        self._begin(silence)
        self._transport.writelines((head, body))
        while not self.status:
            await self._news()
        return self.status

    async def piece(self) -> bytes:
        """Return what has come of the body since the last call; nothing at its end. Raises :class:`LostError`."""
        while not self._parts:
            if self.complete:
                return b""
            await self._news()
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._size = [], 0
        if self._paused:
            self._paused, self._last = False, self._loop.time()
            self._transport.resume_reading()
        return data

    async def whole(self, most: int | None = None) -> bytes:
        """Return the body from here to its end, or a little more than ``most`` bytes. Raises :class:`LostError`."""
        pieces, size = [], 0
        while (most is None or size <= most) and (piece := await self.piece()):
            pieces.append(piece)
            size += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent."""
        return self.complete and self.kept and not self.lost and not self._transport.is_closing()

    def rest(self, seconds: float) -> None:
        """Wait for the next request, so long; then close."""
        self._set_timer(self._loop.call_later(seconds, self.close))

    def close(self) -> None:
        """Close at once; what was not answered is given up."""
        self._set_timer(None)
        self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End an answer whose end is the connection's; anything else is lost."""
        if not self.complete and exc is None and self.status and not self._framed:
            self.on_message_complete()
        self.lost = True
        self._set_timer(None)
        self._wake()

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        if self.complete:  # nobody asked
            self.close()
            return
        self.heard, self._last = True, self._loop.time()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close()
        if not self.status:
            self._head_size += len(data)
            if self._head_size > LONGEST_HEAD:
                self.close()

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note whether the answer says itself where it ends."""
        del value
        self._framed = self._framed or name.lower() in {b"content-length", b"transfer-encoding"}

    def on_headers_complete(self) -> None:
        """Tell who asked, unless this is only word of an answer to come."""
        status = self._parser.get_status_code()
        if self.complete:  # a second answer to one request
            self.kept = False
        elif status >= FINAL:
            self.status = status
            self._framed = self._framed or status in WITHOUT_BODY
            self._wake()

    def on_body(self, data: bytes) -> None:
        """Hold a piece for the reader."""
        if self.complete:
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """Note the end."""
        if not self.status or self.complete:
            return
        self.complete, self.kept = True, self._framed and self._parser.should_keep_alive()
        self._set_timer(None)
        self._wake()

    # Inside

    def _begin(self, silence: float) -> None:
        self.status, self.heard, self.complete, self.kept = 0, False, False, False
        self._framed, self._head_size = False, 0
        self._silence, self._last = silence, self._loop.time()
        self._set_timer(self._loop.call_later(silence, self._look))

    def _look(self) -> None:
        # One timer for all of an answer: a timer for each piece would cost more than the piece.
        left = self._last + self._silence - self._loop.time()
        if left > 0 or self._paused:
            self._timer = self._loop.call_later(max(left, 0.1), self._look)
            return
        self.silent = True
        self.close()

    def _set_timer(self, timer: asyncio.TimerHandle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer

    async def _news(self) -> None:
        if self.lost:
            raise LostError
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
