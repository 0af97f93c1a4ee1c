from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from testinfra.host import Host

TEXTFILES = "/var/lib/freehold/textfile"
LIGHT, HEAVY = f"{TEXTFILES}/sovereignty/sovereignty.prom", f"{TEXTFILES}/weights_digest/weights_digest.prom"


@pytest.fixture(autouse=True)
def as_root(host: Host) -> Iterator[None]:
    """Rules and routes are root's to change."""
    with host.sudo():
        yield


def outcome(host: Host, check: str, unit: str = "freehold-sovereignty", page: str = LIGHT) -> set[str]:
    """What the service finds when it looks now."""
    host.check_output(f"systemctl start {unit}.service")
    found = re.findall(rf'check="{check}".*outcome="(\w+)"}} 1', host.file(page).content_string)
    assert found
    return set(found)


def test_both_timers_run_and_do_after_a_boot(host: Host) -> None:
    for name in ("freehold-sovereignty.timer", "freehold-weights-digest.timer"):
        assert host.service(name).is_running
        assert host.service(name).is_enabled


def test_a_way_out_is_seen_from_within_the_sandbox(host: Host) -> None:
    assert outcome(host, "no_route_out") == {"ok"}
    host.check_output("ip link add fh-out type veth peer name fh-far && ip link set fh-far up && ip link set fh-out up")
    host.check_output("ip route add default dev fh-out")
    try:
        assert outcome(host, "no_route_out") == {"fail"}
    finally:
        host.check_output("ip link del fh-out")
    assert outcome(host, "no_route_out") == {"ok"}


def test_a_third_partys_host_is_seen_in_a_file_that_only_root_reads(host: Host) -> None:
    assert outcome(host, "no_third_party_host") == {"ok"}
    host.check_output("echo 'url: https://api.vendor.com' > /etc/freehold/x && chmod 600 /etc/freehold/x")
    try:
        assert outcome(host, "no_third_party_host") == {"fail"}
    finally:
        host.check_output("rm /etc/freehold/x")


def test_the_weights_are_read_by_a_user_without_rights(host: Host) -> None:
    assert outcome(host, "weights_digest", "freehold-weights-digest", HEAVY) == {"ok"}
    shown = host.service("freehold-weights-digest").systemd_properties
    assert shown["User"] == "freehold-weights-digest"
    assert "CapabilityBoundingSet" not in shown  # systemctl leaves out what is empty
    assert host.file(HEAVY).user == "freehold-weights-digest"


def test_dropped_packets_are_counted_where_there_is_a_firewall(host: Host) -> None:
    table = "inet freehold_input"
    host.check_output(f"nft 'add table {table}; add counter {table} dropped_input {{ packets 3 bytes 120 }}'")
    try:
        outcome(host, "no_route_out")
        assert 'dropped_packets_total{counter="dropped_input"} 3' in host.file(LIGHT).content_string
    finally:
        host.check_output(f"nft delete table {table}")
    outcome(host, "no_route_out")
    assert "dropped_packets_total" not in host.file(LIGHT).content_string


def test_both_run_where_they_are_in_nobodys_way(host: Host) -> None:
    for name in ("freehold-sovereignty", "freehold-weights-digest"):
        shown = host.service(name).systemd_properties
        assert shown["Restart"] == "no"
        assert shown["IOSchedulingClass"] in {"3", "idle"}
