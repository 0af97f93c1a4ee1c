import re
import socket
from ipaddress import ip_network

import pytest
from testinfra.host import Host

PORT = 4711
SCRIPT = "sh /usr/local/lib/freehold/firewall.sh"
LISTEN = (
    "systemctl is-active --quiet scenario-door || systemd-run --quiet --unit=scenario-door"
    f" python3 -m http.server --bind 0.0.0.0 {PORT}; timeout 20 sh -c 'until ss -Hltn | grep -q :{PORT}; do :; done'"
)

STRANGER = (
    "systemd-run --quiet --unit=scenario-net unshare --net sleep 600"
    " && pid=$(systemctl show --property=MainPID --value scenario-net)"
    ' && timeout 9 sh -c \'while [ "$(readlink /proc/$0/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do :; done\' $pid'
    " && ip link add scn0 type veth peer name scn1 && ip link set scn1 netns $pid"
    " && ip address add 198.18.0.1/30 dev scn0 && ip link set scn0 up && ip address add {forged}/32 dev lo"
    " && nsenter --net=/proc/$pid/ns/net sh -c 'ip address add 198.18.0.2/30 dev scn1 && ip link set scn1 up"
    " && ip route add default via 198.18.0.1'"
)
# An echo request with nothing in it, by hand: nodes have no ping.
ECHO = (
    "import socket, sys; s = socket.socket(2, 3, 1); s.settimeout(2);"
    " s.sendto(bytes.fromhex('0800f7ff00000000'), (sys.argv[1], 0)); s.recv(99)"
)
AS_STRANGER = "nsenter --net=/proc/$(systemctl show --property=MainPID --value scenario-net)/ns/net"


@pytest.fixture
def address(host: Host) -> str:
    return next(str(address) for address in host.interface("host0").addresses if ":" not in address)


def opens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1.5):
            return True
    except OSError:
        return False


def test_a_listener_by_hand_is_not_reached_until_the_firewall_is_off(host: Host, address: str) -> None:
    with host.sudo():
        host.check_output(LISTEN)
        assert (opens(address, 22), opens(address, PORT)) == (True, False)
        assert "packets 0 " not in host.check_output("nft list counter inet freehold_input dropped_input")
        host.check_output("systemctl stop fh-firewall")
        assert opens(address, PORT)
        host.check_output("systemctl start fh-firewall")
        assert not opens(address, PORT)


def test_a_rule_by_hand_is_noticed(host: Host) -> None:
    with host.sudo():
        assert host.check_output(f"{SCRIPT} compare") == "same"
        host.check_output(f"nft insert rule inet freehold_input input tcp dport {PORT} accept")
        assert host.check_output(f"{SCRIPT} compare") == "differs"
        host.check_output(f"{SCRIPT} load")
        assert host.check_output(f"{SCRIPT} compare") == "same"


def test_rules_that_nobody_got_in_over_are_not_taken_for_good(host: Host) -> None:
    """What a run leaves that is cut off after loading, and again after that; then somebody gets in."""
    with host.sudo():
        for _ in range(2):
            host.check_output(f"{SCRIPT} arm && {SCRIPT} try")
            assert host.check_output(f"{SCRIPT} compare") == "differs"
        host.check_output(f"{SCRIPT} disarm")
        assert host.check_output(f"{SCRIPT} compare") == "same"
        assert host.run(f"{SCRIPT} disarm").rc != 0


def test_what_is_taken_back_are_the_rules_of_before_the_first_try(host: Host) -> None:
    insert = f"nft insert rule inet freehold_input input tcp dport {PORT} accept"
    with host.sudo():
        host.check_output(f"{SCRIPT} arm && {insert} && {SCRIPT} arm && {SCRIPT} undo && {SCRIPT} disarm")
        assert host.check_output(f"{SCRIPT} compare") == "same"


def test_other_rules_than_those_of_the_boot_are_not_good_yet(host: Host) -> None:
    new = "/etc/freehold/firewall/freehold_input.nft.new"
    with host.sudo():
        host.check_output(f"cp {new} /tmp/kept && sed -i 's/dport 22 /dport 23 /' {new}")
        host.check_output("systemctl restart fh-firewall")
        assert "dport 22 " in host.check_output("nft list table inet freehold_input")
        assert host.check_output(f"{SCRIPT} compare") == "differs"
        host.check_output(f"cp /tmp/kept {new}")
        assert host.check_output(f"{SCRIPT} compare") == "same"


def test_only_its_own_addresses_answer_a_stranger(host: Host) -> None:
    """A network of its own stands for one who sends to the mesh's address past the mesh."""
    with host.sudo():
        network = re.findall(r"ip daddr (\S+) counter", host.check_output("nft list table inet freehold_input"))[0]
        forged = str(ip_network(network)[99])
        host.check_output(STRANGER.format(forged=forged))
        try:
            assert host.run(f'{AS_STRANGER} python3 -c "{ECHO}" 198.18.0.1').rc == 0
            assert host.run(f'{AS_STRANGER} python3 -c "{ECHO}" {forged}').rc != 0
            dropped = "nft --json list counter inet freehold_input dropped_input"
            before = host.check_output(dropped)
            send = "import socket; socket.socket(2, 2).sendto(b'x', ('198.18.0.1', 51820))"
            host.check_output(f'{AS_STRANGER} python3 -c "{send}"')
            assert host.check_output(dropped) != before
        finally:
            host.check_output(f"ip link delete scn0; ip address delete {forged}/32 dev lo; systemctl stop scenario-net")


def test_the_clock_that_would_open_the_node_again_was_stopped(host: Host) -> None:
    with host.sudo():
        assert host.run("systemctl is-active fh-firewall-undo.timer").stdout.strip() != "active"
        assert host.service("fh-firewall").is_enabled


def test_it_comes_back_before_the_network(host: Host) -> None:
    order = host.check_output("systemctl show --property=Before --value fh-firewall").split()
    assert "network-pre.target" in order
