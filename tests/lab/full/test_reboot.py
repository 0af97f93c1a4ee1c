"""A node that reboots has its firewall before its network, its peers back, and its gateway on both addresses."""

import time

from tests.lab.world import Document

from freehold.process import run
from freehold.status import gather
from freehold.status.gather import Access

REBOOT_SECONDS = 90.0
BORN = "systemctl show --property=UserspaceTimestampMonotonic --value"


def since_boot(shown: str) -> list[int]:
    """When each unit became active, in microseconds, in the order asked."""
    return [int(line.partition("=")[2]) for line in shown.split()]


def test_after_a_reboot_firewall_and_mesh_are_as_before(document: Document, access: Access) -> None:
    words = gather.ssh_command(document["hosts"][-1], access)

    def on(line: str, *, check: bool = True) -> str:
        return run([*words, f"sudo -n {line}"], check=check, timeout=30).stdout.strip()

    peers = on("wg show fh0 allowed-ips")
    before = on(BORN)
    on("systemctl reboot", check=False)
    deadline = time.monotonic() + REBOOT_SECONDS
    while on(BORN, check=False) in {"", before}:
        assert time.monotonic() < deadline
    on("systemctl is-system-running --wait", check=False)
    assert on("sh /usr/local/lib/freehold/firewall.sh compare") == "same"
    assert on("sh /usr/local/lib/freehold/tunnel.sh settle") == ""
    assert on("wg show fh0 allowed-ips") == peers
    shown = on("systemctl show --property=ActiveEnterTimestampMonotonic fh-firewall systemd-networkd")
    firewall, network = since_boot(shown)
    assert 0 < firewall < network
    assert on("systemctl is-active freehold-gateway.socket freehold-gateway.service").split() == ["active", "active"]
    held = [row for row in on("ss -Hltnp").splitlines() if '"systemd"' in row and '"freehold"' in row]
    assert len(held) == 2, "the clients' address and the mesh's"
