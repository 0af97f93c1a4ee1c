"""The two bridges and the network namespaces at them. Every function may be called again; it makes what is missing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from freehold.lab.plan import Plan
from freehold.process import Runner

NAMESPACES = Path("/run/netns")


@dataclass(frozen=True)
class Links:
    """What is there: names of interfaces of this namespace with their IPv4 addresses, and the named namespaces."""

    addresses: dict[str, frozenset[str]]
    namespaces: frozenset[str]


def look(runner: Runner, namespaces: Path = NAMESPACES) -> Links:
    """One `ip` call and a folder: quick enough to do before every change."""
    found = json.loads(runner(["ip", "-json", "address", "show"]).stdout or "[]")
    names = frozenset(path.name for path in namespaces.iterdir()) if namespaces.is_dir() else frozenset()
    return Links({link["ifname"]: _ipv4(link) for link in found}, names)


def raise_bridges(runner: Runner, plan: Plan, links: Links) -> None:
    """Both bridges, with the control host's address on each."""
    _bridge(runner, links, plan.management_bridge, plan.control_address, plan.management)
    _bridge(runner, links, plan.client_bridge, plan.control_client_address, plan.client)


def raise_outside(runner: Runner, plan: Plan, links: Links) -> None:
    """The namespace of the client, which also holds "the internet"; the control host has a route to it, no node has."""
    _namespace(runner, links, plan.outside, {"lan0": (f"{plan.prefix}-out", plan.client_bridge)})
    inside = ["ip", "-netns", plan.outside]
    runner([*inside, "address", "replace", f"{plan.outside_address}/{plan.client.prefixlen}", "dev", "lan0"])
    runner([*inside, "address", "replace", f"{plan.internet}/32", "dev", "lo"])
    runner(["ip", "route", "replace", f"{plan.internet}/32", "via", str(plan.outside_address)])


def raise_node(runner: Runner, plan: Plan, links: Links, node: str) -> None:
    """A node's two network cards, without addresses: the node sets them itself, as a server does."""
    cards = {
        "host0": (f"{plan.prefix}-m-{node}", plan.management_bridge),
        "lan0": (f"{plan.prefix}-l-{node}", plan.client_bridge),
    }
    _namespace(runner, links, plan.namespace(node), cards)


def card_address(namespace: str, card: str) -> str:
    """The MAC address of a card: always the same, or the others would talk to the lost card for ten seconds more.

    Locally administered (the first octet's second bit), the rest from the names.
    """
    octets = hashlib.sha256(f"{namespace}/{card}".encode()).digest()[:5]
    return ":".join(f"{octet:02x}" for octet in (0x02, *octets))


def remove_namespace(runner: Runner, name: str, *, end: Callable[[int, int], None] = os.kill) -> None:
    """A namespace with the processes in it: one left behind would keep the namespace and its cables alive."""
    for pid in runner(["ip", "netns", "pids", name], check=False).stdout.split():
        with contextlib.suppress(ProcessLookupError):
            end(int(pid), signal.SIGKILL)
    runner(["ip", "netns", "delete", name], check=False)


def remove_link(runner: Runner, name: str) -> None:
    """An interface; it may be gone already, with its other end."""
    runner(["ip", "link", "delete", name], check=False)


def _bridge(runner: Runner, links: Links, name: str, address: IPv4Address, network: IPv4Network) -> None:
    if name not in links.addresses:
        runner(["ip", "link", "add", "name", name, "type", "bridge", "stp_state", "0", "forward_delay", "0"])
    runner(["ip", "address", "replace", f"{address}/{network.prefixlen}", "dev", name])
    runner(["ip", "link", "set", name, "up"])


def _namespace(runner: Runner, links: Links, name: str, cards: dict[str, tuple[str, str]]) -> None:
    """Make what is missing; the rest is repeated, so that a run that was cut off leaves nothing half-made."""
    if name not in links.namespaces:
        runner(["ip", "netns", "add", name])
    runner(["ip", "-netns", name, "link", "set", "lo", "up"])
    for card, (cable, bridge) in cards.items():
        if name not in links.namespaces or cable not in links.addresses:
            remove_link(runner, cable)  # one that hangs in a namespace whose name is lost
            peer = ["peer", "name", card, "address", card_address(name, card), "netns", name]
            runner(["ip", "link", "add", "name", cable, "type", "veth", *peer])
        runner(["ip", "link", "set", cable, "master", bridge, "up"])
        runner(["ip", "-netns", name, "link", "set", card, "up"])


def _ipv4(link: dict[str, object]) -> frozenset[str]:
    entries = link.get("addr_info")
    found = entries if isinstance(entries, list) else []
    return frozenset(f"{one['local']}/{one['prefixlen']}" for one in found if one.get("family") == "inet")
