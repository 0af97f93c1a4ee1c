"""The page is served on a node without a Prometheus: then it says that nothing is known, and why."""

import json

from testinfra.host import Host

PAGE = "http://127.0.0.1:9096/status"
UNIT = "freehold-report"


def test_it_answers_on_loopback_only(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled
    assert host.socket("tcp://127.0.0.1:9096").is_listening
    assert not host.socket("tcp://0.0.0.0:9096").is_listening


def test_it_runs_as_a_user_of_its_own_in_the_sandbox_and_gives_way(host: Host) -> None:
    shown = host.service(UNIT).systemd_properties
    held = ("User", "ProtectSystem", "NoNewPrivileges", "PrivateDevices", "Nice")
    assert [shown[name] for name in held] == ["freehold-report", "strict", "yes", "yes", "10"]
    assert "CapabilityBoundingSet" not in shown  # systemctl leaves out what is empty
    process = host.check_output(f"ps -o user= -p {shown['MainPID']}")
    assert process.startswith("freehold")
    assert host.user("freehold-report").shell == "/usr/sbin/nologin"


def test_without_a_prometheus_the_page_says_that_nothing_is_known(host: Host) -> None:
    head, _, page = host.check_output(f"curl -s -i {PAGE}").replace("\r", "").partition("\n\n")
    assert head.startswith("HTTP/1.1 200 ")
    assert "X-Freehold-Data: none" in head
    assert "Cache-Control: no-store" in head
    assert "Content-Security-Policy: default-src 'none'" in head
    assert "Nothing is known." in page
    assert "systemctl status prometheus" in page


def test_the_same_as_json_for_programs(host: Host) -> None:
    assert json.loads(host.check_output(f"curl -s {PAGE}.json"))["data"] == "none"


def test_what_it_does_is_measured(host: Host) -> None:
    assert "freehold_report_" in host.check_output("curl -s http://127.0.0.1:9096/metrics")


def test_it_can_talk_to_nobody_but_this_machine(host: Host) -> None:
    allowed = host.service(UNIT).systemd_properties
    assert set(allowed["IPAddressDeny"].split()) == {"0.0.0.0/0", "::/0"}
    assert set(allowed["IPAddressAllow"].split()) == {"127.0.0.0/8", "::1/128"}
