"""A preflight lets good inputs pass and names the variable, its value and the remedy of bad ones, all together."""

from typing import Any

import pytest
from tests.unit.roles.role import CHAT, DIGEST, INPUTS, Role

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
    (
        "drift",
        {"drift_declared_file": "/gpu1.declared.json"},
        ["drift_declared_file", "freehold_declared", "ansible.cfg"],
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
