"""Who listens where on a node. Runtimes and exporters are on loopback; only the gateway is reached from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

FIRST_PORT = {"chat": 18000, "embedding": 18100}

RESERVED = {
    22: "sshd",
    3000: "Grafana",
    8081: "the gateway's metrics",
    8428: "VictoriaMetrics",
    9090: "Prometheus",
    9093: "Alertmanager",
    9095: "the dead man's switch",
    9096: "the status page",
    9100: "the node exporter",
    9115: "the blackbox exporter",
    9400: "the GPU exporter",
    9401: "the metrics door",
    9405: "the dead man's switch",
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
