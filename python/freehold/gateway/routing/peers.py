"""The other nodes' gateways, from a file that is written anew when a node comes or goes: nothing restarts for it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

from freehold.service.addresses import is_address

log = logging.getLogger("freehold.gateway")
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Peer:
    """A node and the literal address of its gateway on the mesh; ``replica``: its runtimes may be used from here."""

    node: str
    host: str
    port: int
    replica: bool = True

    @property
    def url(self) -> str:
        """Its base address; an IPv6 literal is bracketed."""
        return f"https://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@dataclass
class PeersFile:
    """Read again when it changed; what cannot be read leaves what was known."""

    path: Path
    peers: tuple[Peer, ...] = ()
    _stamp: Stamp | None = field(default=None)

    def refresh(self) -> bool:
        """Tell whether there is something new."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        if stamp is None:
            return False
        try:
            found = tuple(_peer(row) for row in json.loads(self.path.read_text(encoding="utf-8"))["peers"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("peers: %s is not taken: %s", self.path, type(error).__name__)
            return False
        changed, self.peers = found != self.peers, found
        return changed

    def _look(self) -> Stamp | None:
        try:
            state = self.path.stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_size, state.st_ino


def _peer(row: dict[str, object]) -> Peer:
    node, host, port, replica = row["node"], row["host"], row["port"], row.get("replica", True)
    if not (isinstance(node, str) and isinstance(host, str) and is_address(host) and isinstance(port, int)):
        raise ValueError(node)
    return Peer(node, host, port, replica is True)
