import socket

import pytest
from testinfra.host import Host

PORT = 4711
SETTLE = "sh /usr/local/lib/freehold/firewall.sh"
LISTEN = (
    "systemctl is-active --quiet scenario-door || systemd-run --quiet --unit=scenario-door"
    f" python3 -m http.server --bind 0.0.0.0 {PORT}; timeout 20 sh -c 'until ss -Hltn | grep -q :{PORT}; do :; done'"
)


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
        assert host.check_output(f"{SETTLE} compare") == "same"
        host.check_output(f"nft insert rule inet freehold_input input tcp dport {PORT} accept")
        assert host.check_output(f"{SETTLE} compare") == "differs"
        host.check_output(f"{SETTLE} load")
        assert host.check_output(f"{SETTLE} compare") == "same"


def test_the_clock_that_would_open_the_node_again_was_stopped(host: Host) -> None:
    with host.sudo():
        assert host.run("systemctl is-active fh-firewall-undo.timer").stdout.strip() != "active"
        assert host.service("fh-firewall").is_enabled


def test_it_comes_back_before_the_network(host: Host) -> None:
    order = host.check_output("systemctl show --property=Before --value fh-firewall").split()
    assert "network-pre.target" in order
