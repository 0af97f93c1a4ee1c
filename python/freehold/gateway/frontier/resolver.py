"""Names of providers, resolved by the system in threads of their own, and remembered for a moment."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from freehold.gateway.pool import Address
from freehold.service.addresses import is_address

FRESH_SECONDS = 30.0
MOST = 3
"""Addresses of one name that are tried."""

Lookup = Callable[[str, int], Awaitable[list[Any]]]


def of_system() -> Lookup:
    """The system's resolver, in two threads: one that hangs in there, for minutes perhaps, holds up nothing else."""
    threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="resolver")

    async def lookup(host: str, port: int) -> list[Any]:
        """Raises :class:`OSError`."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        return await asyncio.get_running_loop().run_in_executor(threads, ask)

    return lookup


@dataclass
class Resolver:
    """Of all providers. ``clock`` is monotonic seconds. Who asks for a name that is being asked for waits with it."""

    clock: Callable[[], float]
    lookup: Lookup = field(default_factory=of_system)
    _known: dict[Address, tuple[float, tuple[Address, ...]]] = field(default_factory=dict)
    _asked: dict[Address, asyncio.Future[list[Any]]] = field(default_factory=dict)

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """Literal addresses of a name, in the resolver's order. Raises :class:`OSError`."""
        if is_address(host):
            return ((host, port),)
        until, found = self._known.get((host, port), (0.0, ()))
        if self.clock() >= until:
            rows = await self._rows(host, port)
            found = tuple(dict.fromkeys((str(row[4][0]), port) for row in rows))[:MOST]
            self._known[host, port] = (self.clock() + FRESH_SECONDS, found)
        return found

    async def _rows(self, host: str, port: int) -> list[Any]:
        asked = self._asked.get((host, port))
        if asked is None:
            asked = self._asked[host, port] = asyncio.ensure_future(self.lookup(host, port))
            asked.add_done_callback(lambda done: self._answered((host, port), done))
        return await asyncio.shield(asked)

    def _answered(self, name: Address, done: asyncio.Future[list[Any]]) -> None:
        self._asked.pop(name, None)
        if not done.cancelled():
            done.exception()  # whoever asked may be gone: then nobody else hears of it
