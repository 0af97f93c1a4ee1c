"""Units: supervised, under their own user, in the sandbox, and calling nobody."""

import json
import re
from typing import Any

import pytest
from tests.unit.roles.role import CHAT, ROLES, Role, unit

from freehold.gateway import books, mesh, server
from freehold.gateway.authority import follower
from freehold.gateway.frontier import ledger
from freehold.ledger.store import BUSY_MS
from freehold.sovereignty import phone_home

SANDBOX = {
    "NoNewPrivileges": ["yes"],
    "CapabilityBoundingSet": [""],
    "ProtectSystem": ["strict"],
    "ProtectHome": ["yes"],
    "PrivateTmp": ["yes"],
    "ProtectProc": ["invisible"],
    "ProtectClock": ["yes"],
    "ProtectControlGroups": ["yes"],
    "ProtectHostname": ["yes"],
    "ProtectKernelLogs": ["yes"],
    "ProtectKernelModules": ["yes"],
    "ProtectKernelTunables": ["yes"],
    "RestrictNamespaces": ["yes"],
    "RestrictRealtime": ["yes"],
    "RestrictSUIDSGID": ["yes"],
    "LockPersonality": ["yes"],
    "SystemCallArchitectures": ["native"],
    "SystemCallFilter": ["@system-service", "~@privileged"],
    "RestrictAddressFamilies": ["AF_UNIX AF_INET AF_INET6"],
    "IPAddressDeny": ["any"],
    "IPAddressAllow": ["localhost"],
    "Restart": ["on-failure"],
    "UMask": ["0077"],
}

VLLM: dict[str, Any] = {
    "inference_runtime_engine": "vllm",
    "inference_runtime_models": [{**CHAT, "engine": "vllm"}],
}
UNITS: dict[str, tuple[Role, str]] = {
    "runtime-llama_cpp": (Role("inference_runtime"), "freehold-runtime@.service.llama_cpp.j2"),
    "runtime-vllm": (Role("inference_runtime", VLLM), "freehold-runtime@.service.vllm.j2"),
    "embedding": (Role("embedding_sidecar"), "freehold-embedding.service.j2"),
    "gateway": (Role("gateway"), "freehold-gateway.service.j2"),
    "gpu-exporter": (Role("gpu_exporter"), "freehold-gpu-exporter.service.j2"),
    "node-exporter": (Role("node_exporter"), "prometheus-node-exporter.service.j2"),
    "grafana": (Role("grafana"), "grafana-server.service.j2"),
    "drift": (Role("drift"), "freehold-drift.service.j2"),
    "report": (Role("report"), "freehold-report.service.j2"),
    "sovereignty": (Role("sovereignty_checks"), "freehold-sovereignty.service.j2"),
    "weights-digest": (Role("sovereignty_checks"), "freehold-weights-digest.service.j2"),
    "metrics-door": (Role("metrics_door"), "freehold-metrics-door.service.j2"),
    "prometheus": (Role("prometheus"), "prometheus.service.j2"),
    "alertmanager": (Role("alertmanager"), "prometheus-alertmanager.service.j2"),
    "blackbox-exporter": (Role("blackbox_exporter"), "prometheus-blackbox-exporter.service.j2"),
    "victoria-metrics": (Role("victoria_metrics"), "victoria-metrics.service.j2"),
    "dead-mans-switch": (Role("dead_mans_switch"), "freehold-dead-mans-switch.service.j2"),
}
# They make an interface and load rules, which the sandbox forbids: test_mesh_roles.py looks at them.
OUTSIDE_THE_SANDBOX = {"fh-tunnel.service.j2", "fh-firewall.service.j2"}
each_unit = pytest.mark.parametrize("name", UNITS)
# Programs of others that know no sd_notify.
SILENT = {
    "runtime-vllm",
    "node-exporter",
    "grafana",
    "prometheus",
    "alertmanager",
    "blackbox-exporter",
    "victoria-metrics",
}
PERIODIC = {"drift", "sovereignty", "weights-digest"}  # a timer starts them; they end, and are not there in between
each_daemon = pytest.mark.parametrize("name", sorted(set(UNITS) - PERIODIC))


def rendered(name: str) -> dict[str, dict[str, list[str]]]:
    role, template = UNITS[name]
    return unit(role.render(template))


def sandbox() -> dict[str, list[str]]:
    return unit(Role("service_sandbox").render("sandbox.conf.j2"))["Service"]


def test_the_sandbox_denies_what_no_service_needs() -> None:
    found = sandbox()
    assert {name: found.get(name) for name in SANDBOX} == SANDBOX


def test_the_sandbox_carries_every_switch_against_calling_home_with_its_exact_value() -> None:
    carried = sandbox()["Environment"]
    assert carried == [f"{name}={value}" for name, value in sorted(phone_home.environment("node").items())]
    assert {"VLLM_NO_USAGE_STATS=1", "DO_NOT_TRACK=1", "HF_HUB_OFFLINE=1", "LLAMA_ARG_OFFLINE=1"} <= set(carried)


def test_units_of_this_project_are_all_found_here() -> None:
    files = {file.name for path in ROLES for file in (path / "templates").glob("*.service*.j2")}
    assert files == {template for _, template in UNITS.values()} | OUTSIDE_THE_SANDBOX


@each_unit
def test_a_unit_does_not_start_without_the_sandbox(name: str) -> None:
    assert rendered(name)["Unit"]["AssertPathExists"] == [
        "/etc/systemd/system/freehold-.service.d/10-sandbox.conf",
    ]


@each_unit
def test_a_unit_does_not_weaken_the_sandbox(name: str) -> None:
    """A drop-in wins over the unit, except for lists, which add up: these alone may come in a unit, one by one."""
    added = {key: values for key, values in rendered(name)["Service"].items() if key in SANDBOX}
    allowed = {
        "runtime-vllm": {"RestrictAddressFamilies": ["AF_NETLINK"]},  # NCCL looks for its interfaces
        "node-exporter": {"RestrictAddressFamilies": ["AF_NETLINK"]},  # counters of the interfaces
        "gateway": {"IPAddressAllow": ["any"]},  # its clients
        "drift": {"RestrictAddressFamilies": ["AF_NETLINK"]},  # the live ruleset
        "sovereignty": {"RestrictAddressFamilies": ["AF_NETLINK"], "IPAddressAllow": ["any"]},  # it tries to leave
        "metrics-door": {"IPAddressAllow": ["198.51.100.0/24"]},  # the mesh
        "prometheus": {"IPAddressAllow": ["198.51.100.0/24"]},  # the mesh
        "alertmanager": {"IPAddressAllow": ["198.51.100.12 192.0.2.25"]},  # the switch, the mail server
        "blackbox-exporter": {"IPAddressAllow": ["198.51.100.0/24"]},  # the mesh
        "dead-mans-switch": {"IPAddressAllow": ["198.51.100.11 192.0.2.25"]},  # the monitor, the mail server
    }
    assert added == allowed.get(name, {})


@each_unit
def test_a_unit_says_what_the_sandbox_leaves_open(name: str) -> None:
    service = rendered(name)["Service"]
    gpu = name in {"runtime-vllm", "gpu-exporter"}
    assert service["PrivateDevices"] == ["no" if gpu else "yes"]
    assert service.get("DevicePolicy", []) == (["closed"] if gpu else [])
    assert service.get("DeviceAllow", []) == (["char-nvidia* rw"] if gpu else [])
    assert service["MemoryDenyWriteExecute"] == ["no" if name in {"runtime-vllm", "grafana"} else "yes"]


@each_daemon
def test_a_unit_is_supervised_under_its_own_user(name: str) -> None:
    found = rendered(name)
    assert found["Service"]["User"][0] not in {"root", ""}
    assert found["Unit"]["StartLimitBurst"]
    assert found["Unit"]["StartLimitIntervalSec"]
    assert found["Service"]["TimeoutStopSec"]
    assert found["Install"]["WantedBy"] == ["multi-user.target"]


@each_daemon
def test_a_program_that_can_say_ready_and_alive_is_listened_to(name: str) -> None:
    service = rendered(name)["Service"]
    speaks = name not in SILENT
    assert service["Type"] == ["notify" if speaks else "exec"]
    assert ("WatchdogSec" in service) == speaks


@pytest.mark.parametrize("name", sorted(PERIODIC))
def test_a_job_ends_in_time_and_is_started_by_a_timer_alone(name: str) -> None:
    found = rendered(name)
    assert found["Service"]["Type"] == ["oneshot"]
    assert found["Service"]["User"][0] not in {"root", ""}
    assert found["Service"]["TimeoutStartSec"]
    assert "Install" not in found
    role, template = UNITS[name]
    timer = unit(role.render(template.replace(".service.", ".timer.")))
    assert timer["Install"]["WantedBy"] == ["timers.target"]
    assert timer["Timer"]["OnUnitActiveSec"]
    assert timer["Timer"]["RandomizedDelaySec"]


@pytest.mark.parametrize("role", ["drift", "sovereignty_checks"])
def test_a_service_with_rights_can_read_everything_and_write_nothing_with_them(role: str) -> None:
    rights = unit(Role(role).render("rights.conf.j2"))["Service"]
    assert rights["CapabilityBoundingSet"] == rights["AmbientCapabilities"] == ["CAP_DAC_READ_SEARCH CAP_NET_ADMIN"]
    assert set(rights) == {"CapabilityBoundingSet", "AmbientCapabilities", "Restart"}


def test_each_service_has_a_user_of_its_own() -> None:
    users = {name: rendered(name)["Service"]["User"][0] for name in UNITS if name != "runtime-vllm"}
    assert len(set(users.values())) == len(users)


@pytest.mark.parametrize("name", ["runtime-llama_cpp", "runtime-vllm", "embedding", "gateway"])
def test_the_internal_key_comes_as_a_credential_and_stands_in_no_unit(name: str) -> None:
    service = rendered(name)["Service"]
    assert service["LoadCredential"] == ["internal-key:/etc/freehold/credentials/internal-key"]
    assert not any("KEY" in value for value in service.get("Environment", []))


MONITOR = ["prometheus", "alertmanager", "blackbox-exporter", "victoria-metrics"]


@pytest.mark.parametrize("name", MONITOR)
def test_monitoring_gives_way_before_serving_does(name: str) -> None:
    service = rendered(name)["Service"]
    assert int(service["OOMScoreAdjust"][0]) > 0
    assert service["MemoryMax"]
    assert service["Environment"][0].startswith("GOMEMLIMIT=")


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "blackbox-exporter", "dead-mans-switch"])
def test_the_nodes_key_comes_as_a_credential(name: str) -> None:
    assert rendered(name)["Service"]["LoadCredential"] == ["tls.key:/etc/freehold/credentials/tls.key"]


def test_passwords_come_as_credentials_by_name() -> None:
    mail = {"smarthost": "192.0.2.25:587", "from": "a@b", "to": ["c@d"], "user": "ops", "credential": "mail"}
    hooks = [{"name": "one", "url": "https://x/", "credential": "pager"}, {"name": "two", "url": "https://y/"}]
    for role, template in (UNITS["alertmanager"], UNITS["dead-mans-switch"]):
        given = Role(role.name, {f"{role.name}_mail": mail, f"{role.name}_webhooks": hooks})
        assert unit(given.render(template))["Service"]["LoadCredential"][1:] == [
            "mail:/etc/freehold/credentials/owner/mail",
            "pager:/etc/freehold/credentials/owner/pager",
        ]


@pytest.mark.parametrize("name", MONITOR)
def test_loopback_may_be_that_of_ipv6(name: str) -> None:
    role, template = UNITS[name]
    (command,) = unit(Role(role.name, {f"{role.name}_listen_host": "::1"}).render(template))["Service"]["ExecStart"]
    assert "=[::1]:" in command


@pytest.mark.parametrize("switched_on", ["lifecycle", "admin-api", "remote-write-receiver"])
def test_nothing_can_be_told_to_prometheus_over_http(switched_on: str) -> None:
    (command,) = rendered("prometheus")["Service"]["ExecStart"]
    assert f"--web.enable-{switched_on}" not in command
    assert "--web.console.templates=/nonexistent" in command


@pytest.mark.parametrize("name", ["gpu-exporter", "node-exporter", "report", *MONITOR])
def test_exporters_listen_on_loopback(name: str) -> None:
    (command,) = rendered(name)["Service"]["ExecStart"]
    assert re.search(r"127[.]0[.]0[.]1:(9[0-9]+|8428)", command)


def test_the_node_exporter_runs_the_named_collectors_only() -> None:
    (command,) = rendered("node-exporter")["Service"]["ExecStart"]
    assert "--collector.disable-defaults --collector.cpu " in command
    named = Role("node_exporter").load("defaults/main.yml")["node_exporter_collectors"]
    assert command.count("--collector.") == len(named) + 2  # no defaults, and where text files lie


def test_streams_drain_before_the_servers_behind_the_gateway_stop() -> None:
    role = Role("gateway", {"gateway_after": ["freehold-runtime@small-chat.service"]})
    after = unit(role.render("freehold-gateway.service.j2"))["Unit"]["After"]
    assert after == ["freehold-gateway.socket network-online.target freehold-runtime@small-chat.service"]


def test_systemd_holds_the_gateways_sockets_for_as_long_as_the_service_is_meant_to_be() -> None:
    given = {"gateway_listen_host": "2001:db8::11", "gateway_mesh_host": "198.51.100.11"}
    sockets = unit(Role("gateway", given).render("freehold-gateway.socket.j2"))["Socket"]
    assert sockets["ListenStream"] == ["[2001:db8::11]:8080", "198.51.100.11:8443"]
    assert (sockets["FreeBind"], sockets["ReusePort"], sockets["FlushPending"]) == (["yes"], ["no"], ["no"])
    assert sockets["Backlog"] == [str(server.BACKLOG)] == [str(mesh.BACKLOG)]
    alone = unit(Role("gateway").render("freehold-gateway.socket.j2"))["Socket"]
    assert alone["ListenStream"] == ["192.0.2.11:8080"]
    assert rendered("gateway")["Unit"]["Requires"] == ["freehold-gateway.socket"]


def test_a_drain_ends_before_systemd_loses_its_patience() -> None:
    role = Role("gateway", {"gateway_drain_seconds": 120, "gateway_limits": {"connections": 5}})
    (stop,) = unit(role.render("freehold-gateway.service.j2"))["Service"]["TimeoutStopSec"]
    limits = json.loads(role.render("gateway.json.j2"))["limits"]
    assert limits == {"connections": 5, "drain_seconds": 120}
    # Settlements and leases may each be waiting for a ledger that somebody holds when their own time is over.
    held = BUSY_MS / 1000
    after = ledger.CLOSE_SECONDS + held + follower.FAREWELL_SECONDS + held + books.CLOSE_SECONDS
    assert int(stop) >= limits["drain_seconds"] + 2 * server.FAREWELL_SECONDS + after + 2  # and the interpreter's end


@pytest.mark.parametrize(
    ("role", "template", "more"),
    [
        (Role("inference_runtime"), "instance.conf.j2", {"__inference_runtime_model": CHAT}),
        (Role("embedding_sidecar"), "freehold-embedding.service.j2", {}),
    ],
)
def test_nothing_is_loaded_before_its_digest_was_checked(role: Role, template: str, more: dict[str, Any]) -> None:
    service = unit(role.render(template, **more))["Service"]
    (check,) = service["ExecStartPre"]
    assert check.startswith("/opt/freehold/venvs/agent/bin/freehold weights verify ")
    assert "--digest abab" in check


def test_other_weights_or_another_environment_make_another_unit() -> None:
    def inputs(**given: Any) -> str:
        role = Role("embedding_sidecar", given)
        return unit(role.render("freehold-embedding.service.j2"))["Unit"]["X-Freehold-Inputs"][0]

    other = {"small-vectors": {"digest": "cd" * 32, "files": [{"path": "vectors.gguf"}]}}
    made = {inputs(), inputs(embedding_sidecar_weights=other), inputs(embedding_sidecar_requirements_sha256="ef" * 32)}
    assert len(made) == 3
