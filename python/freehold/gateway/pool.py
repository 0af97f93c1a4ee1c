"""Connections to the runtimes, kept for a moment between two requests.

A kept connection may be closed by the server while the next request is on its way. A POST is then sent once more, and
only if all of this holds: the connection was a kept one, not one byte of an answer came, and it ended within
:data:`RACE_SECONDS` of the sending. A runtime that thinks for a while and then dies is not asked again: the request may
be why. The second time goes over a new connection, so a runtime that is gone says so at once.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from freehold.gateway.client import Connection, LostError, UnreachedError
from freehold.service.tls import node_of

IDLE_SECONDS = 2.0
"""llama.cpp's server and vLLM's close a connection after 5 idle seconds: ours go first, so that the race is rare."""

MOST_IDLE = 8
"""llama.cpp holds a thread for each connection: more than these would be threads for nothing."""

RACE_SECONDS = 1.0

Address = tuple[str, int]


@dataclass(frozen=True)
class Secure:
    """TLS: where the context in force comes from, and who must answer.

    On the mesh that is ``node``, by its certificate's URI; elsewhere ``server``, a host's name or address, which the
    context itself compares with the certificate.
    """

    context: Callable[[], ssl.SSLContext]
    node: str = ""
    server: str | None = None


class Pool:
    """All connections of this process, by address. Addresses are literals: nothing is resolved."""

    def __init__(
        self,
        connect_seconds: float,
        silence_seconds: float,
        idle_seconds: float = IDLE_SECONDS,
        make: Callable[[], Connection] = Connection,
    ) -> None:
        self._make = make
        self._connect_seconds = connect_seconds
        self._silence_seconds = silence_seconds
        self._idle_seconds = idle_seconds
        self._idle: defaultdict[Address, list[Connection]] = defaultdict(list)

    async def ask(self, address: Address, head: bytes, body: bytes, secure: Secure | None = None) -> Connection:
        """Send a request; the connection's ``status`` is known then, its body is the caller's to read.

        ``secure`` says who must be at the other end, by mutual TLS. The connection must be given back by
        :meth:`release`. Raises :class:`LostError`, and :class:`OSError` where nobody listens.
        """
        kept = self._take(address)
        if kept is not None:
            began = asyncio.get_running_loop().time()
            try:
                return await self._first_word(kept, head, body)
            except LostError:
                waited = asyncio.get_running_loop().time() - began
                if kept.heard or kept.silent or waited > RACE_SECONDS:
                    raise
        return await self._first_word(await self._connect(address, secure), head, body)

    async def reach(self, address: Address, secure: Secure | None = None) -> Connection:
        """Return a connection, kept or new, of which the caller makes one use and one try.

        Raises :class:`UnreachedError`, and :class:`OSError` where nobody listens or the certificate is another's.
        """
        return self._take(address) or await self._connect(address, secure)

    def release(self, address: Address, connection: Connection) -> None:
        """Keep a connection whose answer is complete; close any other."""
        idle = self._idle[address]
        if not connection.reusable:
            connection.close()
            return
        if len(idle) >= MOST_IDLE:
            idle[:] = [one for one in idle if one.reusable]
        if len(idle) >= MOST_IDLE:
            connection.close()
            return
        idle.append(connection)
        connection.rest(self._idle_seconds)

    def close(self) -> None:
        """Close what is idle; answers under way are their readers' to end."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def _first_word(self, connection: Connection, head: bytes, body: bytes) -> Connection:
        try:
            await connection.ask(head, body, self._silence_seconds)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _connect(self, address: Address, secure: Secure | None) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                context, server = (secure.context(), secure.server) if secure else (None, None)
                transport, connection = await loop.create_connection(
                    self._make, *address, ssl=context, server_hostname=server
                )
        except TimeoutError as error:
            raise UnreachedError from error
        if secure and not secure.server and node_of(transport.get_extra_info("peercert")) != secure.node:
            connection.close()
            raise UnreachedError
        return connection

    def _take(self, address: Address) -> Connection | None:
        idle = self._idle[address]
        while idle:
            connection = idle.pop()  # the one that rested the shortest time
            if connection.reusable:
                return connection
        return None
