"""A preflight lets good inputs pass and names the variable, its value and the remedy of bad ones, all together."""

from typing import Any

import pytest
from tests.unit.roles.role import CHAT, DIGEST, INPUTS, Role

MAIL = {"smarthost": "192.0.2.25:587", "from": "fleet@example.org", "to": ["ops@example.org"]}
OTHER = {**CHAT, "name": "other"}

BAD: list[tuple[str, dict[str, Any], list[str]]] = [
    ("base", {"base_bundle_url": "ftp://x"}, ["base_bundle_url", '"ftp://x"']),
    ("base", {"base_bundle_manifest_sha256": "1234"}, ["base_bundle_manifest_sha256", '"1234"']),
    ("base", {"base_bundle_key_fingerprint": ""}, ["base_bundle_key_fingerprint"]),
    ("base", {"base_time_servers": []}, ["base_time_servers", "found none", "base_time_sync"]),
    (
        "base",
        {"ansible_facts": {"distribution": "Ubuntu", "distribution_version": "20.04"}},
        ["Ubuntu 20.04", "Debian 12", "base_supported_systems"],
    ),
    ("firewall", {"firewall_mesh_network": ""}, ["firewall_mesh_network", "IPv4 network"]),
    ("firewall", {"firewall_ssh_addresses": ["gpu1.example"]}, ["firewall_ssh_addresses", "gpu1.example"]),
    (
        "credentials",
        {"credentials_given": {"Provider": "x", "internal-key": "y", "mail": "z"}},
        ["Provider, internal-key,"],
    ),
    ("tunnel", {"tunnel_address": ""}, ["tunnel_address", "fleet:hosts[].mesh_address"]),
    ("tunnel", {"tunnel_interface": "a-name-that-is-too-long"}, ["tunnel_interface", "15 characters"]),
    ("service_sandbox", {"service_sandbox_phone_home_where": []}, ["service_sandbox_phone_home_where"]),
    ("python_venv", {"python_venv_name": "../x"}, ["python_venv_name", '"../x"']),
    ("python_venv", {"python_venv_requirements_sha256": ""}, ["python_venv_requirements_sha256"]),
    ("weights", {"weights_models": []}, ["weights_models", "[]"]),
    ("weights", {"weights_models": ["a/b"]}, ["weights_models", "a/b"]),
    ("inference_runtime", {"inference_runtime_models": []}, ["inference_runtime_models", "found none"]),
    ("inference_runtime", {"inference_runtime_models": [{**CHAT, "name": "A B"}]}, ["A B", "rename"]),
    ("inference_runtime", {"inference_runtime_models": [{**CHAT, "engine": "vllm"}]}, ["llama_cpp", "small-chat"]),
    ("inference_runtime", {"inference_runtime_models": [CHAT, OTHER]}, ["ports 18000, 18000"]),
    ("inference_runtime", {"inference_runtime_models": [OTHER]}, ["inference_runtime_weights", "other", "import"]),
    ("inference_runtime", {"inference_runtime_media_domains": []}, ["inference_runtime_media_domains", "every host"]),
    (
        "inference_runtime",
        {"inference_runtime_models": [{**CHAT, "extra_arguments": {"trust_remote_code": True, "host": "192.0.2.1"}}]},
        ["host, trust-remote-code"],
    ),
    (
        "inference_runtime",
        {"inference_runtime_requirements_sha256": ""},
        ["inference_runtime_requirements_sha256", "the set llama_cpp"],
    ),
    ("embedding_sidecar", {"embedding_sidecar_model": {"name": "small-vectors", "engine": "vllm"}}, ["vllm", "GPUs"]),
    ("embedding_sidecar", {"embedding_sidecar_requirements_sha256": "1"}, ["embedding_sidecar_requirements_sha256"]),
    ("gateway", {"gateway_requirements_sha256": "no"}, ["gateway_requirements_sha256", '"no"']),
    ("embedding_sidecar", {"embedding_sidecar_model": {}}, ["embedding_sidecar_model", "small-vectors"]),
    ("embedding_sidecar", {"embedding_sidecar_weights": {}}, ["embedding_sidecar_weights", "none"]),
    ("gateway", {"gateway_listen_host": ""}, ["gateway_listen_host", "serve_address"]),
    ("gateway", {"gateway_limits": {"drain_seconds": 5}}, ["gateway_drain_seconds", "found 5"]),
    ("gateway", {"gateway_report_url": "http://192.0.2.1:9096"}, ["gateway_report_url", "192.0.2.1", "loopback"]),
    ("gateway", {"gateway_monitors": ["gpu1"]}, ["gateway_monitors", "gpu1", "mesh"]),
    ("gateway", {"gateway_keys": []}, ["gateway_keys", "found none"]),
    ("gateway", {"gateway_keys": [{"name": "al", "sha256": "the key itself"}]}, ["gateway_keys", "al", "sha256sum"]),
    ("gateway", {"gateway_models": [CHAT, CHAT]}, ["gateway_models", "small-chat, small-chat"]),
    ("report", {"report_listen_host": "192.0.2.1"}, ["report_listen_host", "192.0.2.1", "loopback"]),
    ("report", {"report_prometheus_url": "http://192.0.2.1:9090"}, ["report_prometheus_url", "192.0.2.1"]),
    ("report", {"report_fleet": ""}, ["report_fleet", "a name of letters"]),
    ("report", {"report_fleet": 'lab" --listen x'}, ["report_fleet"]),
    ("report", {"report_runbooks_url": "javascript:x"}, ["report_runbooks_url", "javascript:x"]),
    ("gpu_exporter", {"gpu_exporter_listen_host": "192.0.2.1"}, ["gpu_exporter_listen_host", "192.0.2.1", "loopback"]),
    ("gpu_exporter", {"gpu_exporter_requirements_sha256": ""}, ["gpu_exporter_requirements_sha256"]),
    ("node_exporter", {"node_exporter_listen_host": "10.0.0.1"}, ["node_exporter_listen_host", "10.0.0.1"]),
    ("gateway", {"gateway_mesh_host": "0.0.0.0"}, ["gateway_mesh_host", "0.0.0.0", "mesh address"]),  # noqa: S104  refused
    ("tls", {"tls_site": ""}, ["tls_site", '""']),
    ("tls", {"tls_addresses": []}, ["tls_addresses", "found none", "mesh_address"]),
    ("tls", {"tls_keys_folder": ""}, ["tls_keys_folder", "freehold keys init"]),
    ("metrics_door", {"metrics_door_listen_host": "127.0.0.1"}, ["metrics_door_listen_host", "127.0.0.1"]),
    (
        "metrics_door",
        {"metrics_door_relays": [{"port": 1, "url": "http://192.0.2.1:1/"}]},
        ["metrics_door_relays", "192.0.2.1", "loopback"],
    ),
    ("grafana", {"grafana_listen_host": "0.0.0.0"}, ["grafana_listen_host", "0.0.0.0", "SSH"]),  # noqa: S104  refused
    ("grafana", {"grafana_prometheus_url": "http://192.0.2.1:9090"}, ["grafana_prometheus_url", "192.0.2.1"]),
    ("grafana", {"grafana_bundle_url": ""}, ["grafana_bundle_url", '""']),
    ("node_exporter", {"node_exporter_collectors": []}, ["node_exporter_collectors", "[]"]),
    ("sovereignty_checks", {"sovereignty_checks_models": {}}, ["sovereignty_checks_models", "{}", "fleet:models"]),
    (
        "drift",
        {"drift_declared_file": "/gpu1.declared.json"},
        ["drift_declared_file", "freehold_declared", "ansible.cfg"],
    ),
    ("prometheus", {"prometheus_listen_host": "0.0.0.0"}, ["prometheus_listen_host", "0.0.0.0", "ssh -L"]),  # noqa: S104  refused
    ("prometheus", {"prometheus_fleet": ""}, ["prometheus_fleet"]),
    (
        "prometheus",
        {"prometheus_targets": [{"job": "node", "node": "gpu1", "address": "gpu1"}]},
        ["prometheus_targets", "found gpu1", "host:port"],
    ),
    ("prometheus", {"prometheus_networks": ["gpu1.example"]}, ["prometheus_networks", "gpu1.example"]),
    ("prometheus", {"prometheus_alertmanagers": ["here"]}, ["prometheus_alertmanagers", "here"]),
    ("prometheus", {"prometheus_retention_time": "forever"}, ["prometheus_retention_time", "forever", "90d"]),
    ("prometheus", {"prometheus_retention_mib": 1}, ["prometheus_retention_mib", "found 1"]),
    ("prometheus", {"prometheus_remote_write_url": "there"}, ["prometheus_remote_write_url", '"there"']),
    ("alertmanager", {"alertmanager_listen_host": "192.0.2.1"}, ["alertmanager_listen_host", "192.0.2.1"]),
    ("alertmanager", {"alertmanager_mail": {"smarthost": "mail"}}, ["smarthost", '"mail"', "no sender"]),
    ("alertmanager", {"alertmanager_mail": MAIL | {"tls": "tls"}}, ["ALERTMANAGER_MAIL_TLS", "port 587", "465"]),
    ("alertmanager", {"alertmanager_mail": MAIL | {"smarthost": "m:465"}}, ["ALERTMANAGER_MAIL_TLS", "starttls"]),
    ("alertmanager", {"alertmanager_mail": MAIL | {"user": "ops"}}, ["one of user and credential"]),
    (
        "alertmanager",
        {"alertmanager_mail": MAIL | {"ca": "PEM", "ca_file": "/etc/ca"}},
        ["ALERTMANAGER_MAIL_CA ", "both"],
    ),
    ("alertmanager", {"alertmanager_mail": MAIL | {"tls": "none", "ca": "PEM"}}, ["ALERTMANAGER_MAIL_UNCHECKED"]),
    (
        "alertmanager",
        {"alertmanager_mail": MAIL | {"tls": "none", "server_name": "m"}},
        ["ALERTMANAGER_MAIL_UNCHECKED"],
    ),
    (
        "alertmanager",
        {"alertmanager_mail": MAIL | {"user": "ops", "credential": "mail", "tls": "none"}},
        ["in the clear"],
    ),
    (
        "alertmanager",
        {"alertmanager_webhooks": [{"name": "a", "url": "ftp://x"}]},
        ["alertmanager_webhooks", "ftp://x"],
    ),
    ("alertmanager", {"alertmanager_dead_mans_switch_url": "http://x"}, ["dead_mans_switch_url", "http://x", "9405"]),
    ("alertmanager", {"alertmanager_networks": ["mail.example"]}, ["alertmanager_networks", "mail.example"]),
    ("alertmanager", {"alertmanager_repeat_info": "seldom"}, ["alertmanager_repeat_info", "seldom"]),
    (
        "blackbox_exporter",
        {"blackbox_exporter_listen_host": "192.0.2.1"},
        ["blackbox_exporter_listen_host", "192.0.2.1"],
    ),
    ("blackbox_exporter", {"blackbox_exporter_networks": ["all of it"]}, ["blackbox_exporter_networks", "all of it"]),
    ("victoria_metrics", {"victoria_metrics_listen_host": "192.0.2.1"}, ["victoria_metrics_listen_host", "192.0.2.1"]),
    ("victoria_metrics", {"victoria_metrics_retention": "long"}, ["victoria_metrics_retention", '"long"', "13M"]),
    ("dead_mans_switch", {"dead_mans_switch_listen_host": "127.0.0.1"}, ["dead_mans_switch_listen_host", "127.0.0.1"]),
    ("dead_mans_switch", {"dead_mans_switch_metrics_host": "::"}, ["dead_mans_switch_metrics_host", '"::"']),
    ("dead_mans_switch", {"dead_mans_switch_monitors": []}, ["dead_mans_switch_monitors", "found none"]),
    (
        "dead_mans_switch",
        {"dead_mans_switch_mail": {}},
        ["dead_mans_switch_mail", "found neither", "leave the role out"],
    ),
    (
        "dead_mans_switch",
        {"dead_mans_switch_mail": MAIL | {"ca": "PEM", "ca_file": "/etc/ca"}},
        ["DEAD_MANS_SWITCH_MAIL_CA", "both"],
    ),
    (
        "dead_mans_switch",
        {"dead_mans_switch_networks": ["mail.example"]},
        ["dead_mans_switch_networks", "mail.example"],
    ),
    ("dead_mans_switch", {"dead_mans_switch_silence_seconds": 5}, ["dead_mans_switch_silence_seconds", "found 5"]),
    (
        "dead_mans_switch",
        {"dead_mans_switch_requirements_sha256": "x"},
        ["dead_mans_switch_requirements_sha256", '"x"'],
    ),
    ("drift", {"drift_generation": "seven"}, ["drift_generation", '"seven"']),
    ("drift", {"drift_metrics_folder": "/srv/x"}, ["drift_metrics_folder", "/srv/x"]),
]


def test_good_inputs_pass(role: Role) -> None:
    assert role.complaints() == ""


@pytest.mark.parametrize(("name", "given", "says"), BAD, ids=[f"{name}-{next(iter(given))}" for name, given, _ in BAD])
def test_bad_inputs_are_refused_by_name_value_and_remedy(name: str, given: dict[str, Any], says: list[str]) -> None:
    said = Role(name, given).complaints()
    assert [word for word in says if word not in said] == []
    assert "expected" in said


def test_every_role_is_shown_refusing_something() -> None:
    assert {name for name, _, _ in BAD} == set(INPUTS)


def test_all_faults_of_a_role_are_told_together() -> None:
    given = {"gateway_listen_host": "", "gateway_keys": [], "gateway_models": []}
    assert len(Role("gateway", given).complaints().splitlines()) == 3


def test_a_message_never_repeats_what_could_be_a_key() -> None:
    said = Role("gateway", {"gateway_keys": [{"name": "al", "sha256": "fh-secret"}]}).complaints()
    assert "fh-secret" not in said
    assert DIGEST not in said
