"""Names of providers, resolved by the system in a thread, and remembered for a moment."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from freehold.gateway.pool import Address
from freehold.service.addresses import is_address

FRESH_SECONDS = 30.0
MOST = 3
"""Addresses of one name that are tried."""

Lookup = Callable[[str, int], Awaitable[list[Any]]]


async def of_system(host: str, port: int) -> list[Any]:
    """Ask the system's resolver, off the event loop. Raises :class:`OSError`."""
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)


@dataclass
class Resolver:
    """Of all providers. ``clock`` is monotonic seconds."""

    clock: Callable[[], float]
    lookup: Lookup = of_system
    _known: dict[Address, tuple[float, tuple[Address, ...]]] = field(default_factory=dict)

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """Literal addresses of a name, in the resolver's order. Raises :class:`OSError`."""
        if is_address(host):
            return ((host, port),)
        until, found = self._known.get((host, port), (0.0, ()))
        if self.clock() >= until:
            rows = await self.lookup(host, port)
            found = tuple(dict.fromkeys((str(row[4][0]), port) for row in rows))[:MOST]
            self._known[host, port] = (self.clock() + FRESH_SECONDS, found)
        return found
