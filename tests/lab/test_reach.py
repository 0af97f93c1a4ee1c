"""The private plane and the firewall: who gets where, what a listener by hand shows, and how a partition heals."""

import copy
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.lab.world import Document

from freehold.lab import mesh, world
from freehold.lab.plan import lab_plan
from freehold.mesh import keys, reach, scan
from freehold.paths import PROJECT, lab_paths
from freehold.process import run
from freehold.status import gather
from freehold.status.gather import Access

PLAN = lab_plan()
LISTENER = 4711
CURL_TIMED_OUT = 28
HEALS_WITHIN = 20.0
"""Seconds. WireGuard hears nothing for 15 and then shakes hands anew, every 5; a link that was only cut needs less."""
KNOCK = """
import errno, socket, sys, time
address, port, wanted, limit = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "there", float(sys.argv[4])
begun = time.monotonic()
while True:
    with socket.socket() as door:
        door.settimeout(0.5)
        # Refused is an answer, too: nobody listens, but the packet came through.
        there = door.connect_ex((address, port)) in (0, errno.ECONNREFUSED)
    if there == wanted:
        print(time.monotonic() - begun)
        break
    if time.monotonic() - begun > limit:
        sys.exit(1)
"""

OnNode = Callable[..., str]


@pytest.fixture(scope="module")
def on(document: Document, access: Access) -> OnNode:
    """Run a line of shell as root on the named node."""
    hosts = {host["name"]: host for host in document["hosts"]}

    def execute(name: str, line: str, stdin: str | None = None) -> str:
        return run(
            [*gather.ssh_command(hosts[name], access), f"sudo -n {line}"], stdin=stdin, timeout=60
        ).stdout.strip()

    return execute


@pytest.fixture(scope="module", autouse=True)
def _control_is_on_the_mesh(document: Document) -> None:
    assert len(document["hosts"]) > 1, "these tests need two nodes: make up NODES=2"
    mesh.raise_mesh(world.open_lab(), document, Path(document["keys"]["folder"]))


def look(document: Document, access: Access) -> list[scan.Finding]:
    return scan.run(document, access, run, [mesh.outside_vantage(PLAN)])


def wait_for(on: OnNode, source: str, address: str, port: int, *, there: bool, limit: float) -> float:
    """Seconds until a packet gets from ``source`` to the address, or no longer does."""
    words = f"python3 - {address} {port} {'there' if there else 'gone'} {limit}"
    return float(on(source, words, KNOCK))


def test_what_is_open_is_what_the_table_says(document: Document, access: Access) -> None:
    found = look(document, access)
    assert {one.vantage for one in found} >= {"control host", "gpu1", "gpu2", "outside"}
    assert [str(one) for one in scan.wrong(found)] == []
    tried = {(one.host, one.port) for one in found}
    for host in document["hosts"]:
        named = reach.named_tcp_ports(document, host)
        assert {(host["name"], port) for ports in named.values() for port in ports} <= tried


@pytest.fixture
def listener(on: OnNode) -> Iterator[str]:
    """A door that somebody opened on the second node by hand, on every address."""
    on(
        "gpu2",
        f"systemd-run --quiet --collect --unit=foreign-door python3 -m http.server --bind 0.0.0.0 {LISTENER}",
    )
    on("gpu2", f"timeout 20 sh -c 'until ss -Hltn | grep -q :{LISTENER}; do :; done'")
    yield "gpu2"
    on("gpu2", "systemctl stop foreign-door")


def test_a_listener_by_hand_is_dropped_and_shows_where_the_firewall_is_off(
    document: Document, access: Access, listener: str, on: OnNode
) -> None:
    """The scan's positive control and the firewall's."""
    seen = [one for one in look(document, access) if one.port == LISTENER and one.host == listener]
    mesh_address = str(PLAN.mesh_address(listener))
    assert {one.vantage for one in seen} >= {"control host", "gpu1", "outside"}
    assert {(one.vantage, one.address) for one in seen if one.opened} == {("control host", mesh_address)}
    dropped = on(listener, "nft list counter inet freehold_input dropped_input")
    assert int(re.findall(r"packets (\d+)", dropped)[0]) > 0
    on(listener, "systemctl stop fh-firewall")
    try:
        wrong = scan.wrong(look(document, access))
    finally:
        on(listener, "systemctl start fh-firewall")
    through = {(one.vantage, one.address) for one in wrong if one.port == LISTENER and one.host == listener}
    assert {
        ("gpu1", str(PLAN.node_address(listener))),
        ("gpu1", mesh_address),
        ("outside", str(PLAN.serve_address(listener))),
    } <= through
    # SSH, which the table closes on the client's and the other nodes' side, was open as well.
    assert ("outside", str(PLAN.serve_address(listener)), 22) in {(one.vantage, one.address, one.port) for one in wrong}


def test_ipv6_is_dropped_as_well(on: OnNode, listener: str) -> None:
    on(listener, "systemctl stop foreign-door")
    on(listener, f"systemd-run --quiet --collect --unit=foreign-door python3 -m http.server --bind :: {LISTENER}")
    on(listener, f"timeout 20 sh -c 'until ss -Hltn | grep -q :{LISTENER}; do :; done'")
    link_local = on(listener, "ip -oneline -6 address show dev host0 scope link").split()[3].split("/")[0]
    target = f"{link_local}%{PLAN.management_bridge}"
    knock = ["curl", "--silent", "--output", "/dev/null", "--max-time", "2", f"http://[{target}]:{LISTENER}/"]
    assert run(knock, check=False).returncode == CURL_TIMED_OUT
    on(listener, "systemctl stop fh-firewall")
    try:
        run(knock)
    finally:
        on(listener, "systemctl start fh-firewall")


@pytest.fixture
def cable() -> Iterator[str]:
    name = f"{PLAN.prefix}-m-gpu2"
    yield name
    run(["ip", "link", "set", name, "up"])


def test_a_partition_heals_by_itself(document: Document, on: OnNode, cable: str) -> None:
    """The second node's cable is pulled until packets no longer pass, and put back; nobody does anything else."""
    address, port = str(PLAN.mesh_address("gpu2")), document["gateway"]["mesh_port"]
    wait_for(on, "gpu1", address, port, there=True, limit=HEALS_WITHIN)
    run(["ip", "link", "set", cable, "down"])
    wait_for(on, "gpu1", address, port, there=False, limit=10)
    begun = time.monotonic()
    run(["ip", "link", "set", cable, "up"])
    wait_for(on, "gpu1", address, port, there=True, limit=HEALS_WITHIN)
    assert time.monotonic() - begun < HEALS_WITHIN


def test_a_node_that_forgot_its_sessions_is_back_without_help(document: Document, on: OnNode) -> None:
    """wireguard-go is killed; the other side still believes in the old session and finds out by itself."""
    address, port = str(PLAN.mesh_address("gpu2")), document["gateway"]["mesh_port"]
    wait_for(on, "gpu1", address, port, there=True, limit=HEALS_WITHIN)
    on("gpu2", "systemctl kill --signal=KILL fh-tunnel")
    assert wait_for(on, "gpu1", address, port, there=True, limit=2 * HEALS_WITHIN) < HEALS_WITHIN + 5


GATEWAY = "systemctl show --property=MainPID --property=InvocationID freehold-gateway"


# The mesh, its file, the other gateways, and the hosts that the sovereignty checks count as the owner's.
FILES_OF_A_PEER = 4


def process(on: OnNode, name: str) -> str:
    return on(name, "systemctl show --property=MainPID --property=InvocationID fh-tunnel")


def received(on: OnNode, name: str) -> dict[str, int]:
    """Bytes from each peer; a peer that is set anew begins at nothing."""
    rows = [line.split() for line in on(name, "wg show fh0 transfer").splitlines()]
    return {key: int(count) for key, count, _ in rows}


def peers(document: Document, path: Path) -> int:
    """Converge the first node's peers of a document; how many tasks changed something."""
    path.write_text(json.dumps(document), encoding="utf-8")
    playbook = [
        str(PROJECT / ".venv/bin/ansible-playbook"),
        "-i",
        "inventory/lab",
        "playbooks/peers.yml",
        "--limit",
        "gpu1",
    ]
    env = {"FREEHOLD_FLEET_DOCUMENT": str(path), "FREEHOLD_KNOWN_HOSTS": str(lab_paths().export / "known_hosts")}
    done = run(playbook, cwd=PROJECT, env=env, timeout=300)
    (count,) = re.findall(r"changed=(\d+)", done.stdout)
    return int(count)


def test_a_new_peer_disturbs_nobody_and_goes_again(document: Document, on: OnNode, tmp_path: Path) -> None:
    more = copy.deepcopy(document)
    newcomer = {"name": "gpu88", "endpoint": str(PLAN.node_address("gpu88"))}
    newcomer |= {"mesh_address": str(PLAN.mesh_address("gpu88")), "public_key": keys.public_of(keys.new_private())}
    more["mesh"]["peers"].append(newcomer)
    running, before, door = process(on, "gpu1"), received(on, "gpu1"), on("gpu1", GATEWAY)
    assert all(before.values())
    try:
        assert peers(more, tmp_path / "more.json") == FILES_OF_A_PEER
        after = received(on, "gpu1")
        assert set(after) == {*before, newcomer["public_key"]}
        assert all(after[key] >= count for key, count in before.items())
        assert peers(more, tmp_path / "more.json") == 0
    finally:
        gone = peers(document, tmp_path / "fleet.json")
    assert gone == FILES_OF_A_PEER
    assert set(received(on, "gpu1")) == set(before)
    assert process(on, "gpu1") == running
    assert on("gpu1", GATEWAY) == door
