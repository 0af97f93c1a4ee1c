"""What runs on the node is what is declared: services, users, listeners, weights."""

import re

import pytest
from testinfra.host import Host
from tests.lab.world import Document, ReadFacts

from freehold.sovereignty import checks
from freehold.sovereignty.result import Outcome

AT = "2026-11-21T12:00:00+00:00"
SERVICES = {
    "freehold-runtime@smollm2-135m-instruct": "freehold-runtime",
    "freehold-embedding": "freehold-embedding",
    "freehold-gateway": "freehold-gateway",
    "freehold-gpu-exporter": "freehold-exporter",
    "freehold-metrics-door": "freehold-door",
    "prometheus-node-exporter": "prometheus",
}
STORE = "/var/lib/freehold/weights"


@pytest.mark.parametrize(("service", "user"), SERVICES.items())
def test_each_service_runs_supervised_under_its_own_user(node: Host, service: str, user: str) -> None:
    unit = node.service(service)
    assert unit.is_running
    assert unit.is_enabled
    properties = unit.systemd_properties
    assert properties["User"] == user
    assert properties["Restart"] in {"on-failure", "always"}
    assert properties["NoNewPrivileges"] == "yes"
    assert properties["ProtectSystem"] == "strict"


def test_listeners_are_exactly_the_declared_ones(node: Host, first_host: Document, document: Document) -> None:
    loopback = {f"127.0.0.1:{model['port']}" for model in document["models"]}
    loopback |= {"127.0.0.1:8081", "127.0.0.1:9100", "127.0.0.1:9400"}
    # This node is the monitor: Prometheus, Alertmanager, the blackbox exporter, the status page.
    assert document["monitor"] == [first_host["name"]]
    loopback |= {f"127.0.0.1:{port}" for port in (9090, 9093, 9115, 9096)}
    # Behind mutual TLS: the gateway for other nodes, and for the monitor the exporters and the metrics of services.
    mesh = {f"{first_host['mesh_address']}:{port}" for port in (document["gateway"]["mesh_port"], 9100, 9400, 9401)}
    declared = loopback | mesh | {f"{first_host['serve_address']}:{document['gateway']['port']}"}
    output = node.check_output("ss -Hltn")
    found = {re.split(r"\s+", line)[3] for line in output.splitlines()}
    ssh = {listener for listener in found if listener.endswith(":22")}
    assert ssh
    assert found - ssh == declared
    udp = {re.split(r"\s+", line)[3] for line in node.check_output("ss -Hlun").splitlines()}
    port = document["mesh"]["port"]
    assert udp == {f"0.0.0.0:{port}", f"[::]:{port}"}


def test_systemd_holds_the_gateways_addresses_with_it(node: Host, first_host: Document, document: Document) -> None:
    port, mesh_port = (document["gateway"][name] for name in ("port", "mesh_port"))
    wanted = {f"{first_host['serve_address']}:{port}", f"{first_host['mesh_address']}:{mesh_port}"}
    rows = [line.split(maxsplit=5) for line in node.check_output("ss -Hltnp").splitlines()]
    assert {row[3] for row in rows if '"systemd"' in row[5]} == wanted
    assert {row[3] for row in rows if '"freehold"' in row[5]} >= wanted, "the service serves what systemd holds"


def test_nobody_but_root_and_the_services_can_read_the_internal_key(node: Host) -> None:
    key = node.file("/etc/freehold/credentials/internal-key")
    assert (key.user, key.mode) == ("root", 0o600)
    assert node.run("sudo -u freehold-exporter cat /etc/freehold/credentials/internal-key").rc != 0


def test_a_runtime_refuses_who_does_not_bring_the_internal_key(node: Host, document: Document) -> None:
    port = document["models"][0]["port"]
    done = node.run(f"curl -s -o /dev/null -w '%{{http_code}}' http://127.0.0.1:{port}/v1/chat/completions -d '{{}}'")
    assert done.stdout == "401"


def test_weights_on_the_nodes_disk_have_their_digests(facts: ReadFacts, document: Document) -> None:
    names = [model["name"] for model in document["models"]]
    results = checks.weights_digest("gpu1", facts(), names, AT)
    assert [result.outcome for result in results] == [Outcome.OK] * len(names)


def test_a_flipped_byte_is_found_and_the_runtime_refuses_to_serve_it(node: Host, facts: ReadFacts) -> None:
    """The check's positive control, and the gate's: the damaged copy is put back from the untouched one."""
    model = "all-minilm-l6-v2"
    blob = node.check_output(f"readlink -f {STORE}/models/{model}/files/*.gguf")
    node.check_output(f"cp -p --reflink=never {blob} /var/tmp/kept && chmod u+w {blob}")
    try:
        node.check_output(f"printf 'X' | dd of={blob} bs=1 seek=1000 conv=notrunc status=none")
        (result,) = checks.weights_digest("gpu1", facts(), [model], AT)
        assert result.outcome is Outcome.FAIL
        assert node.run("systemctl restart freehold-embedding").rc != 0
        assert not node.service("freehold-embedding").is_running
    finally:
        node.check_output(f"cat /var/tmp/kept > {blob} && chmod --reference=/var/tmp/kept {blob} && rm /var/tmp/kept")
        node.check_output("systemctl reset-failed freehold-embedding; systemctl restart freehold-embedding")
    assert node.service("freehold-embedding").is_running


def test_only_the_bundle_is_a_source_of_packages(node: Host, document: Document) -> None:
    uris = node.check_output(
        "grep -rhE '^(URIs:|deb )' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null || true"
    )
    assert uris.split() == ["URIs:", f"{document['bundle']['url']}/apt"]
    assert "trusted" not in node.check_output("cat /etc/apt/sources.list.d/*").lower()


def test_no_timer_of_apt_is_left(node: Host) -> None:
    assert node.run("systemctl is-enabled apt-daily.timer apt-daily-upgrade.timer").stdout.split() in (
        ["masked", "masked"],
        ["disabled", "disabled"],
    )
