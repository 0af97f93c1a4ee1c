"""The other nodes, as this gateway knows them: their addresses, what it says who it is with, and how busy they are."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

from freehold.gateway.config import GatewayConfig
from freehold.gateway.routing.peers import Peer, PeersFile
from freehold.gateway.routing.replicas import Replicas
from freehold.service.tls import TlsKeeper

ALONE = "this node"


@dataclass
class Fleet:
    """Alone where the settings name neither a mesh nor a file of peers."""

    replicas: Replicas
    peers: PeersFile | None = None
    keeper: TlsKeeper | None = None

    @classmethod
    def of(cls, config: GatewayConfig, environ: Mapping[str, str]) -> Fleet:
        """Read what is there now. Raises :class:`RefusedError` for a certificate that cannot be used."""
        replicas = Replicas(config.node or ALONE, time.monotonic)
        if config.mesh is None or config.peers_file is None:
            return cls(replicas)
        keeper = TlsKeeper(config.mesh.files(environ), side=ssl.PROTOCOL_TLS_CLIENT)
        made = cls(replicas, PeersFile(config.peers_file), keeper)
        made.look()
        return made

    def look(self) -> None:
        """Take up the nodes that came, and forget those that went."""
        if self.peers is not None and self.peers.refresh():
            self.replicas.replace((peer.node, peer.url) for peer in self.peers.peers if peer.replica)

    def peer(self, node: str) -> Peer | None:
        """Where a node's gateway is."""
        return next((one for one in self.peers.peers if one.node == node), None) if self.peers else None
