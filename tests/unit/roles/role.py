"""Roles as data: their files, and their templates rendered by Ansible's own engine with the roles' own defaults."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader  # type: ignore[import-untyped]
from ansible.plugins.loader import init_plugin_loader  # type: ignore[import-untyped]
from ansible.template import Templar, trust_as_template  # type: ignore[import-untyped]

from freehold.paths import PROJECT

init_plugin_loader()  # lookups such as `file` are plugins

ROLES = sorted(path for path in (PROJECT / "roles").iterdir() if path.is_dir())
DIGEST = "ab" * 32
BUNDLE = "http://192.0.2.1:8480"
CHAT = {"name": "small-chat", "kind": "chat", "engine": "llama_cpp", "port": 18000, "context": 2048}
EMBEDDING = {"name": "small-vectors", "kind": "embedding", "engine": "llama_cpp", "port": 18100, "context": 512}
WEIGHTS = {
    "small-chat": {"digest": DIGEST, "files": [{"path": "README.md"}, {"path": "small.Q4.gguf"}]},
    "small-vectors": {"digest": DIGEST, "files": [{"path": "vectors.gguf"}]},
}

# What group_vars would give: the least that each role works with.
INPUTS: dict[str, dict[str, Any]] = {
    "base": {
        "base_bundle_url": BUNDLE,
        "base_bundle_manifest_sha256": DIGEST,
        "base_bundle_key_fingerprint": "AB" * 20,
        "base_time_servers": ["192.0.2.1"],
        "ansible_facts": {
            "distribution": "Debian",
            "distribution_version": "12.12",
            "distribution_major_version": "12",
        },
    },
    "service_sandbox": {},
    "firewall": {"firewall_mesh_network": "198.51.100.0/24"},
    "tunnel": {"tunnel_network": "198.51.100.0/24", "tunnel_address": "198.51.100.11"},
    "credentials": {},
    "python_venv": {
        "python_venv_name": "agent",
        "python_venv_requirements_sha256": DIGEST,
        "python_venv_bundle_url": BUNDLE,
    },
    "weights": {
        "weights_models": ["small-chat"],
        "weights_bundle_url": BUNDLE,
        "weights_bundle_manifest_sha256": DIGEST,
    },
    "inference_runtime": {
        "inference_runtime_engine": "llama_cpp",
        "inference_runtime_models": [CHAT],
        "inference_runtime_weights": WEIGHTS,
        "inference_runtime_requirements_sha256": DIGEST,
        "inference_runtime_bundle_url": BUNDLE,
    },
    "embedding_sidecar": {
        "embedding_sidecar_model": EMBEDDING,
        "embedding_sidecar_weights": WEIGHTS,
        "embedding_sidecar_requirements_sha256": DIGEST,
        "embedding_sidecar_bundle_url": BUNDLE,
    },
    "gateway": {
        "gateway_listen_host": "192.0.2.11",
        "gateway_keys": [{"name": "operator", "sha256": DIGEST}],
        "gateway_models": [CHAT, EMBEDDING],
        "gateway_requirements_sha256": DIGEST,
        "gateway_bundle_url": BUNDLE,
    },
    "gpu_exporter": {"gpu_exporter_requirements_sha256": DIGEST},
    "node_exporter": {},
    "grafana": {"grafana_bundle_url": BUNDLE},
    "report": {"report_requirements_sha256": DIGEST, "report_fleet": "lab"},
    "sovereignty_checks": {"sovereignty_checks_node": "gpu1", "sovereignty_checks_models": {"small-chat": DIGEST}},
    "drift": {"drift_declared_file": "/run/declared/gpu1.declared.json"},
    "tls": {
        "tls_site": "lab",
        "tls_name": "gpu1",
        "tls_addresses": ["198.51.100.11"],
        "tls_keys_folder": "/srv/freehold/pki",
        "ansible_playbook_python": "/usr/bin/python3",
    },
    "metrics_door": {
        "metrics_door_listen_host": "198.51.100.11",
        "metrics_door_clients": ["198.51.100.0/24"],
        "metrics_door_relays": [{"port": 9100, "url": "http://127.0.0.1:9100/metrics"}],
        "metrics_door_requirements_sha256": DIGEST,
    },
    "prometheus": {
        "prometheus_fleet": "test",
        "prometheus_targets": [{"job": "node", "node": "gpu1", "address": "198.51.100.11:9100", "scheme": "https"}],
        "prometheus_nodes": [{"name": "gpu1", "gpus": 8, "maintenance": False}],
        "prometheus_networks": ["198.51.100.0/24"],
    },
    "alertmanager": {
        "alertmanager_mail": {"smarthost": "192.0.2.25:587", "from": "fleet@example.org", "to": ["ops@example.org"]},
        "alertmanager_dead_mans_switch_url": "https://198.51.100.12:9405/beat",
        "alertmanager_networks": ["198.51.100.12", "192.0.2.25"],
    },
    "blackbox_exporter": {"blackbox_exporter_networks": ["198.51.100.0/24"]},
    "victoria_metrics": {},
    "dead_mans_switch": {
        "dead_mans_switch_listen_host": "198.51.100.12",
        "dead_mans_switch_monitors": ["gpu1"],
        "dead_mans_switch_mail": {
            "smarthost": "192.0.2.25:587",
            "from": "fleet@example.org",
            "to": ["ops@example.org"],
        },
        "dead_mans_switch_networks": ["198.51.100.11", "192.0.2.25"],
        "dead_mans_switch_requirements_sha256": DIGEST,
    },
}


@cache
def loaded(file: Path) -> Any:
    """A YAML file of this tree, read once in a run: its roles ask for the same ones hundreds of times."""
    return DataLoader().load_from_file(str(file), trusted_as_template=True)


@dataclass
class Role:
    """One role with the values of a playbook; ``given`` wins over the role's own defaults."""

    name: str
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return PROJECT / "roles" / self.name

    def load(self, relative: str) -> Any:
        """A YAML file of the role, its strings marked as templates like Ansible marks them. Not to be changed."""
        return loaded(self.path / relative)

    def variables(self) -> dict[str, Any]:
        own = {"role_path": str(self.path), "ansible_managed": "Ansible managed", "ansible_check_mode": False}
        internal = self.load("vars/main.yml") if (self.path / "vars/main.yml").is_file() else {}
        return {**self.load("defaults/main.yml"), **INPUTS[self.name], **self.given, **internal, **own}

    def evaluate(self, expression: str, **more: Any) -> Any:
        """The value of a Jinja text in this role."""
        templar = Templar(loader=DataLoader(), variables={**self.variables(), **more})
        return templar.template(trust_as_template(expression))

    def render(self, template: str, **more: Any) -> str:
        """A file of templates/ as it comes to the node."""
        return str(self.evaluate((self.path / "templates" / template).read_text(encoding="utf-8"), **more))

    def complaints(self) -> str:
        """What the role's preflight says to its inputs; empty when it lets them pass."""
        # What comes after the assertion looks at the node, or asks the control host.
        task, *_ = self.load("tasks/preflight.yml")
        check, extra = task["ansible.builtin.assert"], task.get("vars", {})
        conditions = check["that"] if isinstance(check["that"], list) else [check["that"]]
        if all(self.evaluate("{{ (" + condition + ") | bool }}", **extra) for condition in conditions):
            return ""
        return str(self.evaluate(check["fail_msg"], **extra))


def unit(text: str) -> dict[str, dict[str, list[str]]]:
    """A systemd unit as ``section → directive → values``; a directive may come more than once."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and not line.startswith("#"):
            name, separator, value = line.partition("=")
            assert separator, line
            found.setdefault(section, {}).setdefault(name, []).append(value)
    return found


@cache
def tasks(file: Path) -> tuple[dict[str, Any], ...]:
    """The tasks of a file, those in blocks in the place of the blocks. Not to be changed."""
    return tuple(_flat(yaml.safe_load(file.read_text(encoding="utf-8")) or []))


def _flat(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in listed:
        inner = [one for part in ("block", "rescue", "always") for one in task.get(part, [])]
        yield from inner or [task]
