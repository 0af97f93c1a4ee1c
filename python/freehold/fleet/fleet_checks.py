"""Checks that concern the hosts as a fleet: the private plane's addresses, who watches, who goes first.

Like :mod:`freehold.fleet.checks` they read the raw form and step over what has the wrong type.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from freehold.fleet import host_keys, mesh_addresses
from freehold.fleet.keypath import KeyPath, refused, remove_command, set_command, written
from freehold.fleet.raw import Data, Found, items, mapping
from freehold.fleet.settings import Mesh
from freehold.fleet.values import SMALLEST_MESH


def judge(data: Data) -> Found:
    """Everything that is wrong."""
    network = _network(data)
    if network is not None:
        yield from _addresses_inside(data, network)
        yield from _mesh_addresses(data, network)
    yield from named_host(data, ("rolling", "canary"), mapping(data.get("rolling")).get("canary"))
    monitors = data.get("monitor")
    for index, name in enumerate(monitors if isinstance(monitors, list) else ()):
        yield from named_host(data, ("monitor", index), name)
    yield from _canary_is_up(data)


def _network(data: Data) -> str | None:
    given = mapping(data.get("mesh")).get("network", Mesh().network)
    try:
        network = ipaddress.IPv4Network(given)
    except ValueError:
        return None
    return str(network) if network.num_addresses >= SMALLEST_MESH else None


def _addresses_inside(data: Data, network: str) -> Found:
    """An address of another network inside the mesh would be dialled through a tunnel that leads elsewhere."""
    mesh = ipaddress.ip_network(network)
    for index, host in items(data, "hosts"):
        for field in ("address", "serve_address"):
            value = host.get(field)
            if isinstance(value, str) and host_keys.is_address(value) and ipaddress.ip_address(value) in mesh:
                yield refused(
                    "CONFIG_NETWORKS_OVERLAP",
                    ("hosts", index, field),
                    f"{value}, inside the mesh {mesh}",
                    expected="a mesh network apart from every other network",
                    fix=set_command(("mesh", "network"), "10.86.0.0/24"),
                    why="packets for that address would go into the tunnel and not arrive",
                )


def _mesh_addresses(data: Data, network: str) -> Found:
    """Each host has one, inside the network, of its own."""
    first: dict[str, KeyPath] = {}
    dialled: set[Any] = set()
    for index, host in items(data, "hosts"):
        address = _mesh_address(host, network)
        if host.get("mesh_address") is None and str(host.get("address")) in dialled:
            continue  # two hosts with one address are refused as such
        dialled.add(str(host.get("address")))
        path: KeyPath = ("hosts", index, "mesh_address")
        wrong = _fault(host, network, address, first)
        if wrong:
            yield refused(
                "CONFIG_MESH_ADDRESS",
                path,
                wrong,
                expected=f"an address of its own in {network}",
                fix=set_command(path, _free(data, network)),
            )
        elif address is not None:
            first[address] = path


def _fault(host: Data, network: str, address: str | None, first: Mapping[str, KeyPath]) -> str | None:
    given = host.get("mesh_address")
    if address is None:
        plain = isinstance(host.get("address"), str) and _is_hosts(host["address"])
        return f"none, and none follows from {host['address']}" if plain and given is None else None
    origin = "" if given else f" (from address {host['address']})"
    if address in first:
        return f"{address}{origin}, as {written(first[address][:2])}"
    bad = mesh_addresses.fault(network, address)
    return f"{address}{origin}: {bad}" if bad else None


def _mesh_address(host: Data, network: str) -> str | None:
    given, address = host.get("mesh_address"), host.get("address")
    texts = [text for text in (given, address) if isinstance(text, str)]
    if not texts or not all(_is_hosts(text) for text in texts):
        return None
    return mesh_addresses.of_host(network, str(address), given)


def _is_hosts(text: str) -> bool:
    """Whether it is an address that one host can have; any other is refused as such."""
    return host_keys.is_address(text) and not (
        ipaddress.ip_address(text).is_unspecified or ipaddress.ip_address(text).is_multicast
    )


def _free(data: Data, network: str) -> str:
    """The lowest address that nobody has, for the remedy."""
    taken = {_mesh_address(host, network) for _, host in items(data, "hosts")}
    return next((str(one) for one in list_hosts(network) if str(one) not in taken), "…")


def list_hosts(network: str) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Addresses that hosts can have: all but the network's, the control host's and the last."""
    mesh = ipaddress.ip_network(network)
    return (mesh[place] for place in range(2, min(mesh.num_addresses - 1, 2**16)))


def named_host(data: Data, path: KeyPath, name: Any) -> Found:
    """A name that is none of the hosts'."""
    known = [host["name"] for _, host in items(data, "hosts") if isinstance(host.get("name"), str)]
    if isinstance(name, str) and name not in known:
        yield refused(
            "CONFIG_UNKNOWN_HOST",
            path,
            repr(name),
            expected="one of " + (", ".join(known) or "the hosts, of which there is none"),
            fix=remove_command(path),
        )


def _canary_is_up(data: Data) -> Found:
    """A canary that nothing visits proves nothing."""
    canary = mapping(data.get("rolling")).get("canary")
    for index, host in items(data, "hosts"):
        if canary is not None and host.get("name") == canary and host.get("maintenance") is True:
            yield refused(
                "CONFIG_CANARY_IN_MAINTENANCE",
                ("rolling", "canary"),
                f"{canary}, which {written(('hosts', index, 'maintenance'))} takes out",
                expected="a host that is visited",
                fix=remove_command(("rolling", "canary")),
                why="a canary that nothing visits proves nothing",
            )
