"""The names and addresses of the lab, in one place; everything else derives from them.

Interfaces, network namespaces, control groups and nspawn's machines are global to the machine and are found by their
prefix: that is how `make down` works without any record of what was raised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from freehold.errors import UsageError
from freehold.paths import lab_number

NODE_NAME = re.compile(r"(?P<stem>[a-z]{1,4})(?P<number>[1-9][0-9]?)")
FIRST_NODE_HOST = 10
OUTSIDE_HOST = 100
MAX_NODES = OUTSIDE_HOST - FIRST_NODE_HOST - 1
BUNDLE_PORT = 8480


@dataclass(frozen=True)
class Plan:
    """One lab's names: ``prefix`` for interfaces (a name has 15 characters at most), ``groups`` for cgroups."""

    prefix: str
    groups: str
    management: IPv4Network
    client: IPv4Network
    mesh: IPv4Network
    internet: IPv4Address

    @property
    def management_bridge(self) -> str:
        """The bridge that carries SSH and the bundle."""
        return f"{self.prefix}-mgmt"

    @property
    def client_bridge(self) -> str:
        """The bridge on which the gateways serve."""
        return f"{self.prefix}-lan"

    @property
    def mesh_interface(self) -> str:
        """The control host's end of the private plane."""
        return f"{self.prefix}-mesh"

    @property
    def outside(self) -> str:
        """The network namespace that plays the client and the internet."""
        return f"{self.prefix}-outside"

    @property
    def control_address(self) -> IPv4Address:
        """The control host on the management network; the bundle's web server listens here."""
        return self.management[1]

    @property
    def control_client_address(self) -> IPv4Address:
        """The control host on the client network."""
        return self.client[1]

    @property
    def outside_address(self) -> IPv4Address:
        """The client's address."""
        return self.client[OUTSIDE_HOST]

    def namespace(self, node: str) -> str:
        """The network namespace of a node: it outlives the node's reboots, as cables do."""
        return f"{self.prefix}-{node}"

    def group(self, name: str) -> str:
        """The control group (or systemd unit) of a node or a service of the lab."""
        return f"{self.groups}-{name}"

    def node_address(self, node: str) -> IPv4Address:
        """The address that SSH goes to."""
        return self.management[FIRST_NODE_HOST + node_number(node)]

    def serve_address(self, node: str) -> IPv4Address:
        """The address that the node's gateway serves on."""
        return self.client[FIRST_NODE_HOST + node_number(node)]

    def mesh_address(self, node: str) -> IPv4Address:
        """The node's address on the private plane."""
        return self.mesh[FIRST_NODE_HOST + node_number(node)]


def node_number(name: str) -> int:
    """The number at the end of a node's name, which its addresses come from: ``gpu1`` is 1."""
    match = NODE_NAME.fullmatch(name)
    if match is None or int(match["number"]) > MAX_NODES:
        raise UsageError(
            "LAB_NODE_NAME",
            name,
            "a name that gives no address",
            expected=f"up to four letters and a number from 1 to {MAX_NODES}, such as gpu1",
            fix="name the nodes gpu1, gpu2, …",
        )
    return int(match["number"])


def numbered_plan(number: int) -> Plan:
    """Lab ``number`` of a machine, 1 to 9: the second and further ones have names and networks of their own."""
    return Plan(
        prefix="fhl" if number == 1 else f"fh{number}",
        groups="freehold-lab" if number == 1 else f"freehold-lab{number}",
        management=IPv4Network(f"10.{73 + 10 * number}.0.0/24"),
        client=IPv4Network(f"10.{74 + 10 * number}.0.0/24"),
        mesh=IPv4Network(f"10.{75 + 10 * number}.0.0/24"),
        # 203.0.113.0/24 is TEST-NET-3 (RFC 5737): an address that is nobody's stands for everybody else's.
        internet=IPv4Address(f"203.0.113.{10 * number}"),
    )


def lab_plan() -> Plan:
    """The plan in force, by :func:`freehold.paths.lab_number`."""
    return numbered_plan(lab_number())
