"""The way in for the other nodes: the same API, on the mesh address, by mutual TLS."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from freehold.gateway.config import GatewayConfig, Limits
from freehold.gateway.listening import Inherited, bind, keep_from_hanging
from freehold.service.tls import TlsKeeper

BACKLOG = 1024
LOOK_SECONDS = 1.0
"""How soon connections of before a revocation are closed; looking is four calls of stat."""


@dataclass(frozen=True)
class MeshDoor:
    """The listener with its keeper of certificates."""

    listener: socket.socket
    keeper: TlsKeeper
    limits: Limits

    @classmethod
    def at(cls, config: GatewayConfig, inherited: Inherited, environ: Mapping[str, str] = os.environ) -> MeshDoor:
        """Take the address and read the certificate. Raises :class:`RefusedError`."""
        assert config.mesh is not None  # noqa: S101  the caller asked
        mesh = config.mesh
        keeper = TlsKeeper(mesh.files(environ))
        listener = inherited.take(mesh.listen) or bind(mesh.listen, before_it_is_here=True)
        keep_from_hanging(listener, config.limits)
        return cls(listener, keeper, config.limits)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens; tests ask for port 0."""
        name: tuple[str, int] = self.listener.getsockname()
        return name

    async def open(self, protocol: Callable[[], asyncio.Protocol]) -> asyncio.Server:
        """Serve connections with ``protocol``."""
        return await asyncio.get_running_loop().create_server(
            protocol,
            sock=self.listener,
            ssl=self.keeper.for_event_loop(),
            ssl_handshake_timeout=self.limits.header_seconds,
            backlog=BACKLOG,
        )

    async def watch(self, connections: Iterable[Any]) -> None:
        """Close what was let in under other lists of revoked certificates: idle ones now, others after their answer."""
        trust = self.keeper.trust
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.keeper.context()
            if self.keeper.trust != trust:
                trust = self.keeper.trust
                for connection in [one for one in connections if is_tls(one)]:
                    connection.shutdown()


def is_tls(connection: Any) -> bool:
    """Tell whether a connection came by TLS."""
    return isinstance(connection.transport.get_extra_info("ssl_object"), ssl.SSLObject)
