"""What is wrong with the hosts as a fleet, and what to do about it; derived addresses do not depend on the order."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.errors import FreeholdErrors
from freehold.fleet import mesh_addresses, reading
from freehold.fleet.checks import World


def faults(config: dict[str, Any], world: World) -> list[tuple[str, str]]:
    try:
        reading.read(reading.Raw(config), world)
    except FreeholdErrors as caught:
        return [(error.code, error.subject.partition(":")[2]) for error in caught.errors]
    return []


def test_a_host_gets_the_host_part_of_its_address_in_the_mesh() -> None:
    assert mesh_addresses.of_host("10.85.0.0/24", "192.0.2.11") == "10.85.0.11"
    assert mesh_addresses.of_host("10.85.0.0/16", "10.1.7.11") == "10.85.7.11"
    assert mesh_addresses.of_host("fd00::/64", "192.0.2.11") is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c["hosts"][1].update(mesh_address="10.85.0.11"), [("CONFIG_MESH_ADDRESS", "hosts[1].mesh_address")]),
        (lambda c: c["hosts"][0].update(mesh_address="10.86.0.11"), [("CONFIG_MESH_ADDRESS", "hosts[0].mesh_address")]),
        (lambda c: c["hosts"][0].update(mesh_address="10.85.0.1"), [("CONFIG_MESH_ADDRESS", "hosts[0].mesh_address")]),
        (lambda c: c["hosts"][0].update(mesh_address="10.85.0.0"), [("CONFIG_MESH_ADDRESS", "hosts[0].mesh_address")]),
        (lambda c: c["hosts"][0].update(address="198.18.0.12"), [("CONFIG_MESH_ADDRESS", "hosts[1].mesh_address")]),
        (lambda c: c.update(mesh={"network": "fd00::/64"}), [("CONFIG_BAD_NETWORK", "mesh.network")]),
        (lambda c: c["hosts"][0].update(address="2001:db8::11"), [("CONFIG_MESH_ADDRESS", "hosts[0].mesh_address")]),
        (lambda c: c.update(mesh={"network": "10.85.0.1/24"}), [("CONFIG_BAD_NETWORK", "mesh.network")]),
        (lambda c: c.update(mesh={"network": "10.85.0.0/31"}), [("CONFIG_BAD_NETWORK", "mesh.network")]),
        (
            lambda c: c.update(mesh={"network": "198.51.100.0/24"}),
            [("CONFIG_NETWORKS_OVERLAP", f"hosts[{n}].serve_address") for n in (0, 1)],
        ),
        (lambda c: c.update(monitor=["gpu9"]), [("CONFIG_UNKNOWN_HOST", "monitor[0]")]),
        (lambda c: c.update(rolling={"canary": "gpu9"}), [("CONFIG_UNKNOWN_HOST", "rolling.canary")]),
        (
            lambda c: (c["hosts"][1].update(maintenance=True), c.update(rolling={"canary": "gpu2"})),
            [("CONFIG_CANARY_IN_MAINTENANCE", "rolling.canary")],
        ),
        (lambda c: c.update(rolling={"batch_size": 0}), [("CONFIG_BAD_VALUE", "rolling.batch_size")]),
    ],
)
def test_each_fault_is_named_at_its_key(config: dict[str, Any], world: World, change: Any, expected: Any) -> None:
    assert faults(config, world) == []
    change(config)
    assert faults(config, world) == expected


def test_the_remedy_for_a_taken_address_is_a_free_one(config: dict[str, Any], world: World) -> None:
    config["hosts"][1]["mesh_address"] = "10.85.0.11"
    with pytest.raises(FreeholdErrors) as caught:
        reading.read(reading.Raw(config), world)
    assert caught.value.errors[0].fix == "pulumi config set --path 'fleet:hosts[1].mesh_address' 10.85.0.2"


def test_two_hosts_with_one_address_are_refused_once(config: dict[str, Any], world: World) -> None:
    config["hosts"][1]["address"] = config["hosts"][0]["address"]
    assert [code for code, _ in faults(config, world)] == ["CONFIG_DUPLICATE_ADDRESS"]
