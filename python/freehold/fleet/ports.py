"""Who listens where on a node. Runtimes and exporters are on loopback; only the gateway is reached from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

FIRST_PORT = {"chat": 18000, "embedding": 18100}

RESERVED = {
    22: "sshd",
    8081: "the gateway's metrics",
    9100: "the node exporter",
    9400: "the GPU exporter",
}


def model_ports(models: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Complete the ports of ``(port or None, kind or None)`` pairs: chat from 18000, embedding from 18100, in order."""
    taken = {port for port, _ in models if isinstance(port, int)}
    ports: list[Any] = []
    for port, kind in models:
        chosen = port if port is not None else _free(FIRST_PORT.get(str(kind), FIRST_PORT["chat"]), taken)
        taken.add(chosen) if isinstance(chosen, int) else None
        ports.append(chosen)
    return ports


def _free(first: int, taken: set[int]) -> int:
    port = first
    while port in taken:
        port += 1
    return port
