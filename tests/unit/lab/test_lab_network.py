from __future__ import annotations

import json
from pathlib import Path

from tests.unit.lab.conftest import Recorder

from freehold.lab import network
from freehold.lab.network import Links
from freehold.lab.plan import numbered_plan

LAB = numbered_plan(1)

NOTHING = Links({}, frozenset())
SHOWN = [
    {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]},
    {
        "ifname": "fhl-mgmt",
        "addr_info": [
            {"family": "inet", "local": "10.83.0.1", "prefixlen": 24},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64},
        ],
    },
]


def test_interfaces_and_namespaces_are_read(recorder: Recorder, tmp_path: Path) -> None:
    recorder.answers["ip -json"] = json.dumps(SHOWN)
    (tmp_path / "fhl-outside").touch()
    links = network.look(recorder, tmp_path)
    assert links.addresses["fhl-mgmt"] == {"10.83.0.1/24"}
    assert links.namespaces == {"fhl-outside"}
    assert network.look(recorder, tmp_path / "none").namespaces == frozenset()


def test_a_missing_bridge_is_made_and_one_that_is_there_is_not_made_again(recorder: Recorder) -> None:
    network.raise_bridges(recorder, LAB, Links({"fhl-mgmt": frozenset()}, frozenset()))
    made = [line for line in recorder.asked if "type bridge" in line]
    assert len(made) == 1
    assert "name fhl-lan" in made[0]
    assert "ip address replace 10.83.0.1/24 dev fhl-mgmt" in recorder.asked


def test_a_node_gets_two_cards_and_no_address_from_outside(recorder: Recorder) -> None:
    network.raise_node(recorder, LAB, NOTHING, "gpu1")
    asked = "\n".join(recorder.asked)
    assert "ip netns add fhl-gpu1" in asked
    assert "ip link set fhl-m-gpu1 master fhl-mgmt up" in asked
    assert "ip link set fhl-l-gpu1 master fhl-lan up" in asked
    assert "address add" not in asked
    assert "route" not in asked


def test_what_is_there_is_kept_and_the_rest_repeated(recorder: Recorder) -> None:
    there = Links({"fhl-m-gpu1": frozenset(), "fhl-l-gpu1": frozenset()}, frozenset({"fhl-gpu1"}))
    network.raise_node(recorder, LAB, there, "gpu1")
    assert not [line for line in recorder.asked if "add" in line.split() or "delete" in line]
    assert "ip link set fhl-m-gpu1 master fhl-mgmt up" in recorder.asked


def test_a_cable_whose_namespace_lost_its_name_is_replaced(recorder: Recorder) -> None:
    network.raise_node(recorder, LAB, Links({"fhl-m-gpu1": frozenset()}, frozenset()), "gpu1")
    assert "ip link delete fhl-m-gpu1" in recorder.asked


def test_the_control_host_has_a_route_to_the_internet(recorder: Recorder) -> None:
    network.raise_outside(recorder, LAB, NOTHING)
    assert "ip route replace 203.0.113.10/32 via 10.84.0.100" in recorder.asked


def test_a_card_keeps_its_address_and_no_two_share_one() -> None:
    cards = {network.card_address(f"fhl-gpu{number}", card) for number in range(1, 90) for card in ("host0", "lan0")}
    assert len(cards) == 178
    assert network.card_address("fhl-gpu1", "lan0") == network.card_address("fhl-gpu1", "lan0")
    assert all(address.startswith("02:") for address in cards)


def test_processes_in_a_namespace_are_ended_with_it(recorder: Recorder) -> None:
    recorder.answers["ip netns pids"] = "12\n34\n"
    ended: list[int] = []
    network.remove_namespace(recorder, "fhl-gpu1", end=lambda pid, _: ended.append(pid))
    assert ended == [12, 34]
    assert recorder.asked[1:] == ["ip netns delete fhl-gpu1"]
