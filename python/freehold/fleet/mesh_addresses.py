"""Addresses on the private plane, from what the configuration says. They do not depend on the order of the hosts.

The control host has the mesh network's first address. A host that names none has the host part of the address that SSH
dials: 192.0.2.11 in the mesh 10.85.0.0/24 is 10.85.0.11, today and after another host has left the list.
"""

from __future__ import annotations

import ipaddress


def of_control(network: str) -> str:
    """The control host's address."""
    return str(ipaddress.ip_network(network)[1])


def of_host(network: str, address: str, given: str | None = None) -> str | None:
    """A host's address; ``None`` where none can be derived (one is IPv6, the other is not)."""
    if given is not None:
        return str(ipaddress.ip_address(given))
    mesh, dialled = ipaddress.ip_network(network), ipaddress.ip_address(address)
    if mesh.version != dialled.version:
        return None
    return str(mesh[int(dialled) & int(mesh.hostmask)])


def fault(network: str, address: str) -> str | None:
    """Why a host cannot have this address; ``None`` when it can."""
    mesh, given = ipaddress.ip_network(network), ipaddress.ip_address(address)
    if given not in mesh:
        return f"it is not in {mesh}"
    if given == mesh[1]:
        return "it is the control host's"
    if given in {mesh.network_address, mesh[-1]}:
        return f"it is the first or the last of {mesh}"
    return None
