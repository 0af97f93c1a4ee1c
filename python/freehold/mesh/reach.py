"""Who may reach what on a node: the table, as data. The firewall, the scan and docs/reach.md are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ANY = "any"
EXPORTER_PORTS = {"node_exporter": 9100, "gpu_exporter": 9400, "services": 9401}
"""Ports of the metrics door: two exporters, and the metrics of all other services of the node."""

SWITCH_PORT = 9405
"""Of the dead man's switch, which one host has."""

Source = Literal["anyone", "control", "monitor", "nodes"]
Network = Literal["management", "client", "mesh"]
ADDRESS_OF: dict[Network, str] = {"management": "address", "client": "serve_address", "mesh": "mesh_address"}
"""Which of a host's addresses a network's packets go to."""


@dataclass(frozen=True)
class Rule:
    """One line: ``source`` may reach ``service`` on every node over ``network``. What no line says is closed.

    ``port`` names a port of :func:`ports`; :data:`ANY` is whatever listens there.
    """

    source: Source
    network: Network
    service: str
    port: str
    protocol: Literal["tcp", "udp", "icmp", "any"]
    authentication: str
    why: str


MUTUAL_TLS = "TLS 1.3, certificates of the owner's authority on both sides"
RULES = (
    Rule("anyone", "management", "SSH", "ssh", "tcp", "the operator's key", "Pulumi and Ansible work over it"),
    Rule(
        "anyone",
        "management",
        "WireGuard",
        "mesh",
        "udp",
        "the peer's key; strangers get no answer",
        "carries the private plane",
    ),
    Rule("anyone", "client", "gateway", "gateway", "tcp", "a client key", "what the node is for"),
    Rule("anyone", "management", "echo", ANY, "icmp", "none", "to tell a dead node from a closed port"),
    Rule("anyone", "client", "echo", ANY, "icmp", "none", "the same"),
    Rule("nodes", "mesh", "echo", ANY, "icmp", "WireGuard", "the same"),
    Rule("nodes", "mesh", "gateway", "gateway_mesh", "tcp", MUTUAL_TLS, "gateways share runtimes, and follow one"),
    Rule("monitor", "mesh", "node exporter", "node_exporter", "tcp", MUTUAL_TLS, "Prometheus scrapes it"),
    Rule("monitor", "mesh", "GPU exporter", "gpu_exporter", "tcp", MUTUAL_TLS, "Prometheus scrapes it"),
    Rule("monitor", "mesh", "metrics of services", "services", "tcp", MUTUAL_TLS, "Prometheus scrapes them"),
    Rule(
        "monitor",
        "mesh",
        "dead man's switch",
        "dead_mans_switch",
        "tcp",
        MUTUAL_TLS,
        "on one host: it tells when the monitor is silent",
    ),
    Rule("control", "mesh", "everything", ANY, "any", "WireGuard, then each service's own", "the owner's own hand"),
)


def ports(document: Mapping[str, Any], host: Mapping[str, Any]) -> dict[str, int]:
    """The ports that the rules name, as far as this host has them."""
    gateway = document["gateway"]
    named = {"ssh": host["port"], "mesh": document["mesh"]["port"], "gateway": gateway["port"]}
    switch = {"dead_mans_switch": SWITCH_PORT} if host["name"] == document["monitoring"]["watcher"]["name"] else {}
    return named | EXPORTER_PORTS | {"gateway_mesh": gateway["mesh_port"]} | switch


def sources_of(document: Mapping[str, Any], name: str) -> frozenset[str]:
    """The groups that a node belongs to."""
    monitor = {"monitor"} if name in document["monitor"] else set()
    return frozenset({"anyone", "nodes"} | monitor)


CONTROL_SOURCES = frozenset({"anyone", "control"})
OUTSIDE_SOURCES = frozenset({"anyone"})


def permitted(
    document: Mapping[str, Any], host: Mapping[str, Any], sources: frozenset[str], address: str, port: int
) -> bool:
    """Whether a member of ``sources`` may open a TCP connection to ``address`` (one of the host's) and ``port``."""
    named = ports(document, host)
    networks = {network for network, key in ADDRESS_OF.items() if host[key] == address}
    return any(
        rule.source in sources
        and rule.network in networks
        and rule.protocol in ("tcp", "any")
        and (rule.port == ANY or named.get(rule.port) == port)
        for rule in RULES
    )


def named_tcp_ports(document: Mapping[str, Any], host: Mapping[str, Any]) -> dict[Network, frozenset[int]]:
    """What must answer whom it may: the TCP ports that the table names, for each network."""
    named = ports(document, host)
    return {
        network: frozenset(
            named[r.port] for r in RULES if r.network == network and r.protocol == "tcp" and r.port in named
        )
        for network in ADDRESS_OF
    }


HEADINGS = ("from", "network", "service", "port", "authentication", "why")


def rows(document: Mapping[str, Any] | None = None) -> list[tuple[str, ...]]:
    """The table's lines; ports as numbers where a document says them, else by the name of their setting."""
    return [_row(rule, document) for rule in RULES]


def _row(rule: Rule, document: Mapping[str, Any] | None) -> tuple[str, ...]:
    return (
        rule.source,
        rule.network,
        rule.service,
        _port(rule, document),
        rule.authentication,
        rule.why,
    )


SETTINGS = {
    "ssh": "`fleet:hosts[].port`",
    "mesh": "`fleet:mesh.port`",
    "gateway": "`fleet:gateway.port`",
    "gateway_mesh": "`fleet:gateway.mesh_port`",
}


def _port(rule: Rule, document: Mapping[str, Any] | None) -> str:
    if rule.port == ANY:
        return "ICMP" if rule.protocol == "icmp" else ANY
    if document is None:
        number = SETTINGS.get(rule.port) or str((EXPORTER_PORTS | {"dead_mans_switch": SWITCH_PORT})[rule.port])
    else:
        hosts = document["hosts"]
        named = [ports(document, host) for host in hosts]
        number = ", ".join(sorted({str(one[rule.port]) for one in named if rule.port in one}))
    return f"{rule.protocol.upper()} {number}"
