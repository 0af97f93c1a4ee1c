import json
import re
from collections.abc import Iterator

import pytest
from testinfra.host import Host

NODE = "/opt/freehold/venvs/agent/bin/python -I -m freehold.drift.node"
DROP_IN = "/etc/systemd/system/freehold-drift.service.d/hand.conf"


@pytest.fixture(autouse=True)
def as_root(host: Host) -> Iterator[None]:
    """The baseline is root's alone."""
    with host.sudo():
        yield


def probe(host: Host) -> list[tuple[str, str]]:
    answer = json.loads(host.check_output(f"{NODE} probe"))
    return [(item["kind"], item["name"]) for item in answer["items"]]


def test_the_node_is_as_the_converge_left_it_and_the_timer_looks(host: Host) -> None:
    assert probe(host) == []
    assert host.service("freehold-drift.timer").is_running
    assert host.service("freehold-drift.timer").is_enabled
    assert host.file("/var/lib/freehold/drift/baseline.json").mode == 0o600


def test_a_hand_edit_is_exported_and_what_no_role_sees_is_put_back(host: Host) -> None:
    host.check_output(f"printf '[Service]\\nNice=5\\n' > {DROP_IN} && echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter")
    assert probe(host) == [("sysctl", "net.ipv4.conf.all.rp_filter"), ("unit", "freehold-drift.service")]
    host.check_output("systemctl start freehold-drift.service")
    page = host.file("/var/lib/freehold/textfile/drift/drift.prom")
    assert (page.user, page.mode) == ("freehold-drift", 0o644)
    assert dict(re.findall(r'items\{kind="(unit|sysctl)"\} (\d)', page.content_string)) == {"unit": "1", "sysctl": "1"}
    assert len(json.loads(host.check_output(f"{NODE} restore"))["restored"]) == 2
    assert probe(host) == []
    assert host.file(f"/var/backups/freehold/drift{DROP_IN}").exists


def test_the_service_reads_with_two_rights_and_holds_no_other(host: Host) -> None:
    shown = host.service("freehold-drift").systemd_properties
    assert shown["CapabilityBoundingSet"] == shown["AmbientCapabilities"] == "cap_dac_read_search cap_net_admin"
    assert (shown["User"], shown["ProtectSystem"], shown["NoNewPrivileges"]) == ("freehold-drift", "strict", "yes")
