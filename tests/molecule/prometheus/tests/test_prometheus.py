import json

from testinfra.host import Host

UNIT = "prometheus"
URL = "http://127.0.0.1:9090"


def test_it_answers_on_loopback_only(host: Host) -> None:
    assert host.service(UNIT).is_running
    assert host.service(UNIT).is_enabled
    assert host.socket("tcp://127.0.0.1:9090").is_listening
    assert not host.socket("tcp://0.0.0.0:9090").is_listening
    assert host.check_output(f"curl -s {URL}/-/ready").startswith("Prometheus Server is Ready")


def test_it_has_rules_constants_and_targets(host: Host) -> None:
    groups = json.loads(host.check_output(f"curl -s {URL}/api/v1/rules"))["data"]["groups"]
    assert {"freehold-fleet", "freehold-site-prices"} <= {group["name"] for group in groups}
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
    targets = json.loads(host.check_output(f"curl -s {URL}/api/v1/targets"))["data"]["activeTargets"]
    assert {target["labels"]["job"] for target in targets} == {"prometheus", "node"}


def test_the_key_is_a_credential_and_no_file_of_its_users(host: Host) -> None:
    properties = host.service(UNIT).systemd_properties
    assert properties["User"] == "freehold-prometheus"
    with host.sudo("freehold-prometheus"):
        assert host.run("cat /etc/freehold/credentials/tls.key").rc != 0
    with host.sudo():
        assert host.file("/run/credentials/prometheus.service/tls.key").exists


def test_nothing_can_be_told_to_it(host: Host) -> None:
    for path in ("/-/reload", "/-/quit", "/api/v1/admin/tsdb/snapshot", "/api/v1/write"):
        status = host.check_output(f"curl -s -o /dev/null -w '%{{http_code}}' -X POST {URL}{path}")
        assert status[0] in "45", path  # forbidden, not there, or (an admin's call) an error of its own


def test_its_history_is_its_own(host: Host) -> None:
    with host.sudo():
        folder = host.file("/var/lib/freehold/prometheus")
        assert (folder.user, oct(folder.mode)) == ("freehold-prometheus", "0o700")
        assert host.file("/var/lib/freehold/prometheus/wal").is_directory


def test_the_unit_is_as_tight_as_it_was_meant(host: Host) -> None:
    with host.sudo():
        last = host.check_output(f"systemd-analyze security --no-pager {UNIT} | tail -1")
    assert float(last.split(":")[1].split()[0]) <= 2.0
