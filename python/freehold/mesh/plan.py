"""Who is whose peer on the mesh, from the fleet document. Pure: texts in, texts out.

Every node has a tunnel to every other node and to the control host. Nodes have endpoints that all can dial; the
control host has none, as it may be anybody's notebook: it dials the nodes, and keeps the way back open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from freehold.errors import RefusedError

CONTROL = "control"
"""The control host's name among the peers: no node can have it, as nodes' names come with their own entries."""
MTU = 1420
"""1500 minus what WireGuard takes over IPv6 (80 bytes), as wg-quick sets it where it cannot look."""
KEEPALIVE_SECONDS = 25
"""WireGuard's own advice: shorter than the memory of any common firewall between the two."""


@dataclass(frozen=True)
class Peer:
    """One far end. ``endpoint`` is empty for one that calls by itself; ``keepalive`` in seconds, 0 for none."""

    name: str
    public_key: str
    address: str
    endpoint: str = ""
    keepalive: int = 0


@dataclass(frozen=True)
class End:
    """One near end: ``address`` with the prefix of the network; ``port`` 0 takes a free one."""

    address: str
    port: int
    peers: tuple[Peer, ...]
    mtu: int = MTU


def of_control(document: Mapping[str, Any]) -> End:
    """The control host's end: every node is dialled and kept awake."""
    mesh = section(document)
    peers = tuple(_node(one, mesh, keepalive=KEEPALIVE_SECONDS) for one in known_peers(mesh))
    return End(_own(mesh, mesh["control"]["address"]), 0, peers)


def of_node(document: Mapping[str, Any], name: str) -> End:
    """The end of the node ``name``: the control host, and every other node."""
    mesh = section(document)
    everyone = known_peers(mesh)
    own = [one["mesh_address"] for one in everyone if one["name"] == name]
    if not own:
        raise _refused("MESH_NO_SUCH_NODE", name, f"peers {', '.join(one['name'] for one in everyone)}", "one of these")
    others = tuple(_node(one, mesh) for one in everyone if one["name"] != name)
    control = Peer(CONTROL, mesh["control"]["public_key"], mesh["control"]["address"])
    return End(_own(mesh, own[0]), mesh["port"], (control, *others))


def section(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document's mesh; raises :class:`RefusedError` where it has none."""
    mesh = document.get("mesh")
    if not isinstance(mesh, Mapping):
        raise _refused(
            "MESH_NOT_IN_DOCUMENT",
            f"stack {document.get('stack', '?')}",
            "a fleet document without a mesh",
            "the section `mesh`: network, port, control, peers",
        )
    return mesh


def known_peers(mesh: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The nodes whose keys are known; raises :class:`RefusedError` before any is."""
    peers = mesh.get("peers")
    if peers is None:
        raise _refused("MESH_PEERS_UNKNOWN", "mesh.peers", "null", "a list of peers: the keys that the nodes made")
    return list(peers)


def peers_text(peers: Iterable[Peer]) -> str:
    """The peers as `wg` reads them, in order; without any secret."""
    return "\n".join(_peer_text(peer) for peer in peers)


def interface_text(private_key: str, port: int) -> str:
    """The head of what `wg syncconf` gets. It holds the private key: for standard input, never for a file."""
    return f"[Interface]\nPrivateKey = {private_key}\n" + (f"ListenPort = {port}\n" if port else "") + "\n"


def _peer_text(peer: Peer) -> str:
    address = ip_address(peer.address)
    lines = [f"# {peer.name}", "[Peer]", f"PublicKey = {peer.public_key}"]
    lines += [f"AllowedIPs = {address}/{address.max_prefixlen}"]
    lines += [f"Endpoint = {peer.endpoint}"] if peer.endpoint else []
    lines += [f"PersistentKeepalive = {peer.keepalive}"] if peer.keepalive else []
    return "\n".join(lines) + "\n"


def _node(one: Mapping[str, Any], mesh: Mapping[str, Any], keepalive: int = 0) -> Peer:
    host = f"[{one['endpoint']}]" if ":" in one["endpoint"] else one["endpoint"]
    return Peer(one["name"], one["public_key"], one["mesh_address"], f"{host}:{mesh['port']}", keepalive)


def _own(mesh: Mapping[str, Any], address: str) -> str:
    return f"{address}/{ip_network(mesh['network']).prefixlen}"


def _refused(code: str, subject: str, found: str, expected: str) -> RefusedError:
    return RefusedError(
        code,
        subject,
        found,
        expected=expected,
        why="without it nobody's peer is known",
        fix="converge the fleet with `pulumi up` (in the lab: `make up`) and export the document anew",
    )
