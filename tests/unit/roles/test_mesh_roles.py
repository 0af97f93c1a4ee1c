"""The roles tunnel and firewall: the same peers as the control host's, and exactly the table's doors."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.roles.role import CHAT, Role, tasks, unit
from tests.unit.roles.test_wiring import Wired, fleet, group_vars

from freehold.mesh import plan, reach
from freehold.paths import PROJECT

ECHO = "{ destination-unreachable, time-exceeded, parameter-problem, echo-request }"
KERNEL = SimpleNamespace(rc=0)
NO_KERNEL = SimpleNamespace(rc=2)
FLEET = fleet(CHAT)
FLEET["mesh"]["peers"] = [
    {"name": "gpu1", "endpoint": "192.0.2.11", "mesh_address": "10.85.0.11", "public_key": f"{'B' * 42}A="},
    {"name": "gpu2", "endpoint": "2001:db8::12", "mesh_address": "10.85.0.12", "public_key": f"{'C' * 42}A="},
]


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return group_vars(CHAT) | {"freehold_fleet": FLEET}


def rules(values: dict[str, Any], chain: str) -> list[str]:
    text = Wired("firewall", values).render("freehold_input.nft.j2")
    body = text.partition(f"\tchain {chain} {{")[2].partition("\n\t}")[0]
    return [line.strip() for line in body.splitlines() if line.strip() and not line.strip().startswith("#")]


def doors(lines: list[str]) -> set[tuple[str, str]]:
    """``(protocol, port)`` of every rule that accepts a new connection."""
    found = [re.search(r"(tcp|udp) dport (\{[^}]*\}|\d+) accept", line) for line in lines]
    ports = [(match[1], port) for match in found if match for port in re.findall(r"\d+", match[2])]
    return set(ports)


def test_the_peers_of_a_node_are_those_of_the_plan(values: dict[str, Any]) -> None:
    text = Wired("tunnel", values).render("freehold.peers.j2")
    assert text.partition("\n")[2].strip() == plan.peers_text(plan.of_node(FLEET, "gpu1").peers).strip()


def test_the_firewall_opens_the_doors_of_the_table_and_no_others(values: dict[str, Any]) -> None:
    named = reach.ports(FLEET, FLEET["hosts"][0])
    table: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for rule in reach.RULES:
        if rule.port in named:
            table[rule.network == "mesh"].add((rule.protocol, str(named[rule.port])))
    assert doors(rules(values, "mesh")) == table[True]
    assert doors(rules(values, "input")) == table[False]


def test_on_the_mesh_the_source_decides(values: dict[str, Any]) -> None:
    assert rules(values, "mesh") == [
        f"ip saddr 10.85.0.0/24 icmp type {ECHO} accept",
        "ip saddr 10.85.0.1 accept",
        "ip saddr 10.85.0.0/24 tcp dport { 8443 } accept",
        "ip saddr { 10.85.0.11 } tcp dport { 9100, 9400, 9401, 9405 } accept",
        'counter name "dropped_mesh" drop',
    ]


def test_ssh_and_the_gateway_are_open_on_their_own_addresses_only(values: dict[str, Any]) -> None:
    opened = [line for line in rules(values, "input") if "tcp dport" in line]
    assert opened == [
        "ip daddr 192.0.2.11 tcp dport 22 accept",
        'ip daddr 198.51.100.11 tcp dport 8080 accept comment "gateway"',
    ]


def test_wireguard_is_open_on_the_management_address_only(values: dict[str, Any]) -> None:
    assert [line for line in rules(values, "input") if "udp" in line] == ["ip daddr 192.0.2.11 udp dport 51820 accept"]


def test_a_host_that_is_named_and_not_numbered_keeps_its_ssh_and_its_peers(values: dict[str, Any]) -> None:
    host = {**values["freehold_host"], "address": "gpu1.example"}
    found = rules({**values, "freehold_host": host}, "input")
    assert "tcp dport 22 accept" in found
    assert "udp dport 51820 accept" in found


def test_a_forged_packet_is_dropped_before_anything_new_is_accepted(values: dict[str, Any]) -> None:
    found = rules(values, "input")
    accepted = [number for number, line in enumerate(found) if line.endswith("accept") or " accept comment" in line]
    forged = [number for number, line in enumerate(found) if "10.85.0.0/24" in line]
    assert [found[number] for number in accepted if number < max(forged)] == [
        'iifname "lo" accept',
        "ct state established,related accept",
    ]
    assert found[min(forged) - 1] == 'iifname "fh0" goto mesh'


def test_ipv6_keeps_what_it_cannot_do_without(values: dict[str, Any]) -> None:
    (line,) = [line for line in rules(values, "input") if line.startswith("icmpv6")]
    needed = {"packet-too-big", "nd-neighbor-solicit", "nd-neighbor-advert", "nd-router-advert", "mld-listener-query"}
    assert needed <= set(re.findall(r"[a-z-]+", line))


def test_a_host_with_an_ipv6_address_is_reached_over_it(values: dict[str, Any]) -> None:
    host = {**values["freehold_host"], "address": "2001:db8::11"}
    found = rules({**values, "freehold_host": host}, "input")
    assert "ip6 daddr 2001:db8::11 tcp dport 22 accept" in found
    assert "ip6 daddr 2001:db8::11 udp dport 51820 accept" in found


@pytest.mark.parametrize("chain", ["input", "forward"])
def test_what_no_rule_accepts_is_dropped_and_counted(values: dict[str, Any], chain: str) -> None:
    lines = rules(values, chain)
    assert lines[0].endswith("policy drop;")
    assert re.match(r'counter name "dropped_\w+"', lines[-1])


def test_before_the_peers_are_known_a_node_has_none(values: dict[str, Any]) -> None:
    unknown = {**FLEET, "mesh": {**FLEET["mesh"], "peers": None}}
    assert Wired("tunnel", {**values, "freehold_fleet": unknown}).evaluate("{{ tunnel_peers }}") == []


def test_wireguard_go_is_watched_and_the_kernel_needs_none() -> None:
    program = unit(Role("tunnel").render("fh-tunnel.service.j2", __tunnel_kernel=NO_KERNEL))["Service"]
    assert (program["Type"], program["Restart"]) == (["exec"], ["always"])
    assert program["DeviceAllow"] == ["/dev/net/tun rw"]
    kernel = unit(Role("tunnel").render("fh-tunnel.service.j2", __tunnel_kernel=KERNEL))["Service"]
    assert (kernel["Type"], kernel["RemainAfterExit"]) == (["oneshot"], ["yes"])
    assert not any("wireguard-go" in line for line in kernel["ExecStart"])


@pytest.mark.parametrize(("role", "template"), [("tunnel", "fh-tunnel"), ("firewall", "fh-firewall")])
def test_units_outside_the_sandbox_have_the_one_right_that_they_need(role: str, template: str) -> None:
    service = unit(Role(role).render(f"{template}.service.j2", __tunnel_kernel=NO_KERNEL))["Service"]
    assert service["CapabilityBoundingSet"] == ["CAP_NET_ADMIN"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["SystemCallFilter"] == ["@system-service"]


def test_rules_are_loaded_before_the_network() -> None:
    found = unit(Role("firewall").render("fh-firewall.service.j2"))
    assert found["Unit"]["Before"] == ["network-pre.target shutdown.target"]
    assert found["Install"]["WantedBy"] == ["sysinit.target"]


def order(role: str, file: str) -> list[str]:
    return [task["name"].partition("| ")[2] for task in tasks(PROJECT / "roles" / role / "tasks" / file)]


def test_rules_are_those_of_the_boot_only_when_somebody_got_in() -> None:
    names = order("firewall", "service.yml")
    assert names.index("load them, and keep them only if the operator still gets in") < names.index(
        "from now on they are those of the boot"
    )
    (written,) = [task for task in tasks(PROJECT / "roles/firewall/tasks/configure.yml") if "rules" in task["name"]]
    assert written["ansible.builtin.template"]["dest"] == "{{ __firewall_new }}"
    start = unit(Role("firewall").render("fh-firewall.service.j2"))["Service"]["ExecStart"]
    assert start == ["/bin/sh /usr/local/lib/freehold/firewall.sh load"]
    assert 'load) load "$file"' in Role("firewall").render("firewall.sh.j2")


def test_a_node_that_has_another_key_than_its_peers_are_told_writes_nothing() -> None:
    names = order("tunnel", "peers.yml")
    judged = names.index("the others are told of the key that the node has")
    assert judged < names.index("the file that they come back from after a reboot")


@pytest.mark.parametrize(("own", "right"), [(f"{'B' * 42}A=", True), (f"{'C' * 42}A=", False)])
def test_the_key_is_compared_with_the_nodes_own_entry(values: dict[str, Any], own: str, *, right: bool) -> None:
    file = PROJECT / "roles/tunnel/tasks/peers.yml"
    (task,) = [one for one in tasks(file) if "the others are told" in one["name"]]
    wired = Wired("tunnel", values)
    told = wired.evaluate(task["vars"]["__tunnel_told"])
    more = {"__tunnel_told": told, "__tunnel_own": SimpleNamespace(rc=0, stdout=own)}
    assert wired.evaluate("{{ " + task["ansible.builtin.assert"]["that"] + " }}", **more) is right
    assert own in wired.evaluate(task["ansible.builtin.assert"]["fail_msg"], **more)


def test_the_private_key_goes_through_a_pipe() -> None:
    script = Role("tunnel").render("tunnel.sh.j2")
    assert script.count('cat "$key"') == 1
    assert 'wg syncconf "$interface" /dev/stdin' in script
