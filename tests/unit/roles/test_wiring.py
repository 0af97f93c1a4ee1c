"""playbooks/group_vars turns a fleet document into inputs of roles; the roles themselves know neither."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.loader import lookup_loader  # type: ignore[import-untyped]
from tests.unit.roles.role import BUNDLE, CHAT, DIGEST, EMBEDDING, INPUTS, ROLES, WEIGHTS, Role, loaded

from freehold.fleet import document_frontier, document_schema
from freehold.fleet.settings_gateway import Client
from freehold.paths import PROJECT

LISTED: dict[str, Any] = {
    "chat_template": None,
    "gpus": [],
    "tensor_parallel": 0,
    "extra_arguments": {},
    "threads": 1,
    "parallel": 2,
}
HOST = {
    "name": "gpu1",
    "address": "192.0.2.11",
    "port": 22,
    "user": "root",
    "host_key": "ssh-ed25519 AAAA",
    "serve_address": "198.51.100.11",
    "gpus": 8,
    "gpu_model": "NVIDIA H200",
}


def fleet(*models: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": document_schema.SCHEMA,
        "stack": "test",
        "simulated": ["gpu"],
        "site": {"name": "test"},
        "bundle": {
            "url": BUNDLE,
            "manifest_sha256": DIGEST,
            "serial": 1,
            "key_fingerprint": "AB" * 20,
            "public_key": "",
            "requirements": {"agent": DIGEST, "gateway": DIGEST, "llama_cpp": DIGEST},
            "models": WEIGHTS,
        },
        "hosts": [HOST | {"mesh_address": "10.85.0.11", "maintenance": False}],
        "models": [LISTED | model for model in models],
        "gateway": {
            "port": 8080,
            "mesh_port": 8443,
            "aliases": {},
            "replicas": "fleet",
            "image_hosts": [],
            "authority": "gpu1",
            "keys": [{"name": "operator", "sha256": DIGEST, **document_frontier.of_client(Client())}],
        },
        "frontier": None,
        "keys": {"folder": "/srv/freehold/pki"},
        "mesh": {
            "network": "10.85.0.0/24",
            "port": 51820,
            "control": {"address": "10.85.0.1", "public_key": "A" * 43 + "="},
            "monitors": ["10.85.0.11"],
            "peers": None,
        },
        "monitor": [HOST["name"]],
        "monitoring": {
            "retention_days": 90,
            "retention_gb": 20,
            "long_term": True,
            "long_term_months": 24,
            "grafana": True,
            "runbooks_url": None,
            "mail": {
                "server": "192.0.2.25:587",
                "tls": "starttls",
                "server_name": None,
                "ca": None,
                "sender": "freehold@example.com",
                "to": ["ops@example.com"],
                "user": "freehold",
                "credential": "mail",
            },
            "webhooks": [{"url": "https://alerts.example.com/in", "credential": None}],
            "watcher": {"name": "gpu1", "mesh_address": "10.85.0.11"},
        },
        "watched": None,
        "tls": {"trust_anchors": "", "issuing_sha256": DIGEST},
        "prices": {"currency": "USD", "electricity_per_kwh": 0.2, "node_purchase": 1.0, "years": 4.0, "pue": 1.3}
        | {"node_idle_watts": 3570.0, "source": "a quotation", "as_of": "2026-11-21"},
        "sovereignty": {"probe_targets": [], "own_hosts": []},
    }


def group_vars(*models: dict[str, Any]) -> dict[str, Any]:
    """What Ansible has for a host of this fleet, before any role."""
    values: dict[str, Any] = {
        "freehold_fleet": fleet(*models),
        "freehold_host": fleet(*models)["hosts"][0],
        "base_time_servers": ["192.0.2.1"],
    }
    for file in sorted((PROJECT / "playbooks/group_vars/all").glob("*.yml")):
        values |= loaded(file)
    return values


class Wired(Role):
    """A role that gets its inputs from group_vars alone."""

    def variables(self) -> dict[str, Any]:
        facts = {key: value for key, value in INPUTS[self.name].items() if key == "ansible_facts"}
        handed = {"python_venv_name": "agent", "python_venv_requirements_sha256": DIGEST}  # site.yml hands these over
        internal = self.load("vars/main.yml") if (self.path / "vars/main.yml").is_file() else {}
        own = {
            "ansible_search_path": [str(PROJECT / "playbooks")],
            "role_path": str(self.path),
            "ansible_managed": "Ansible managed",
            "ansible_check_mode": False,
        }
        return {**self.load("defaults/main.yml"), **handed, **self.given, **facts, **internal, **own}


def test_the_document_of_these_tests_is_one() -> None:
    document_schema.FleetDocument.model_validate(fleet(CHAT, EMBEDDING))


@pytest.fixture(autouse=True)
def a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run has in its environment, by its callbacks and by Pulumi."""
    monkeypatch.setenv("FREEHOLD_DECLARED_FOLDER", "/run/declared")
    monkeypatch.setenv("FREEHOLD_GENERATION", "4")
    lookup_loader.add_directory(str(PROJECT / "playbooks/lookup_plugins"))


@pytest.mark.parametrize("name", [path.name for path in ROLES])
def test_every_role_gets_inputs_that_it_accepts(name: str) -> None:
    assert Wired(name, group_vars(CHAT, EMBEDDING)).complaints() == ""


def test_embeddings_for_the_cpu_go_to_the_sidecar_and_all_others_to_the_runtime() -> None:
    values = group_vars(CHAT, EMBEDDING)
    runtime = Wired("inference_runtime", values).evaluate("{{ inference_runtime_models | map(attribute='name') }}")
    sidecar = Wired("embedding_sidecar", values).evaluate("{{ embedding_sidecar_model.name }}")
    assert (runtime, sidecar) == (["small-chat"], "small-vectors")


def test_without_an_embedding_model_nobody_asks_for_a_sidecar() -> None:
    checked = Wired("base", group_vars(CHAT)).evaluate("{{ freehold_roles_checked_first }}")
    assert "embedding_sidecar" not in checked
    assert "gateway" in checked


def test_a_bundle_without_the_engines_set_is_refused_before_anything_changes() -> None:
    model = {**CHAT, "engine": "vllm"}
    said = Wired("inference_runtime", group_vars(model)).complaints()
    assert "RUNTIME_ENVIRONMENT" in said
    assert "the set vllm" in said


def test_the_gateway_listens_on_the_hosts_serving_address_and_drains_first() -> None:
    wired = Wired("gateway", group_vars(CHAT, EMBEDDING))
    assert wired.evaluate("{{ gateway_listen_host }}") == "198.51.100.11"
    assert wired.evaluate("{{ gateway_after }}") == [
        "freehold-embedding.service",
        "freehold-runtime@small-chat.service",
    ]


def test_the_node_keeps_what_this_run_declared_for_it_with_the_number_of_the_converge() -> None:
    wired = Wired("drift", group_vars(CHAT))
    assert wired.evaluate("{{ drift_declared_file }}") == "/run/declared/gpu1.declared.json"
    assert wired.evaluate("{{ drift_generation }}") == "4"


def test_removal_keeps_what_is_the_owners_unless_it_is_told_otherwise() -> None:
    purges = [("base", "base_purge"), ("weights", "weights_purge"), ("gateway", "gateway_purge")]
    purges += [("tunnel", "tunnel_purge"), ("tls", "tls_purge")]
    for asked in (False, True):
        values = group_vars(CHAT) | {"freehold_purge": asked}
        assert [Wired(role, values).evaluate("{{ " + name + " }}") for role, name in purges] == [asked] * 5


def test_every_role_is_in_the_playbook_and_goes_again() -> None:
    site = yaml.safe_load((PROJECT / "playbooks/site.yml").read_text(encoding="utf-8"))
    deployed = [entry["role"] for entry in site[0]["roles"]]
    removed = Wired("base", group_vars(CHAT)).evaluate("{{ freehold_roles_removed }}")
    assert sorted(deployed) == sorted(removed) == sorted(path.name for path in ROLES)
    assert removed.index("gateway") < removed.index("inference_runtime") < removed.index("service_sandbox")


def test_roles_know_neither_inventory_nor_fleet() -> None:
    files = [file for path in ROLES for file in path.rglob("*") if file.suffix in {".yml", ".j2"}]
    assert [file for file in files if names_the_fleet(file)] == []


def names_the_fleet(file: Path) -> bool:
    text = file.read_text(encoding="utf-8")
    return any(word in text for word in ("freehold_fleet", "freehold_host", "hostvars", "groups["))


def test_a_converge_waits_for_the_door_and_for_each_engine() -> None:
    asked = Wired("gateway", group_vars(CHAT, EMBEDDING)).evaluate("{{ freehold_questions }}")
    assert asked[0] == f"http://{HOST['serve_address']}:8080/healthz"
    assert asked[1:] == [f"http://127.0.0.1:{model['port']}/health" for model in (CHAT, EMBEDDING)]


def test_a_gateway_is_told_of_the_others_and_whether_it_may_use_their_runtimes() -> None:
    values = group_vars(CHAT)
    peers = [{"name": f"gpu{n}", "endpoint": "", "mesh_address": f"10.85.0.1{n}", "public_key": ""} for n in (1, 2)]
    values["freehold_fleet"]["mesh"]["peers"] = peers
    wanted = [{"node": "gpu2", "host": "10.85.0.12", "port": 8443}]
    assert Wired("gateway", values).evaluate("{{ gateway_peers }}") == wanted
    values["freehold_fleet"]["gateway"]["replicas"] = "own"
    own = [{**wanted[0], "replica": False}]
    assert Wired("gateway", values).evaluate("{{ gateway_peers }}") == own, "one of them is the authority"
    values["freehold_fleet"]["mesh"]["peers"] = None
    assert Wired("gateway", values).evaluate("{{ gateway_peers }}") == []


MODELS = [{"name": "small-chat", "engine": "llama_cpp", "kind": "chat"}]


def watched(name: str, number: int, **more: Any) -> dict[str, Any]:
    addresses = {"mesh_address": f"10.85.0.{number}", "serve_address": f"198.51.100.{number}"}
    told = {"gpus": 8, "maintenance": False, "watcher": False, "models": MODELS}
    return {"name": name, **addresses, **told, **more}


def targets(*nodes: dict[str, Any], **monitoring: Any) -> list[dict[str, Any]]:
    """What the monitor is told, where it knows nothing but what an introduction says."""
    values = group_vars(CHAT)
    whole = values["freehold_fleet"]
    kept = {key: whole[key] for key in ("gateway", "mesh", "monitor", "stack")}
    values["freehold_fleet"] = {**kept, "monitoring": whole["monitoring"] | monitoring, "watched": list(nodes)}
    found: list[dict[str, Any]] = Wired("base", values).evaluate("{{ prometheus_targets }}")
    return found


def test_every_page_of_every_watched_node_is_a_target_and_a_node_in_maintenance_has_none() -> None:
    told = targets(watched("gpu1", 11), watched("gpu2", 12, watcher=True), watched("gpu3", 13, maintenance=True))
    pages = {(one["job"], one["node"], one["address"], one.get("path", "/metrics")) for one in told}
    assert pages >= {
        ("node", "gpu2", "10.85.0.12:9100", "/metrics"),
        ("gpu", "gpu1", "10.85.0.11:9400", "/metrics"),
        ("gateway", "gpu2", "10.85.0.12:9401", "/gateway"),
        ("runtime", "gpu1", "10.85.0.11:9401", "/models/small-chat"),
        ("dead_mans_switch", "gpu2", "10.85.0.12:9401", "/dead_mans_switch"),
        ("prometheus", "gpu1", "127.0.0.1:9090", "/metrics"),
        ("victoria_metrics", "gpu1", "127.0.0.1:8428", "/metrics"),
    }
    assert {one["node"] for one in told} == {"gpu1", "gpu2"}
    assert [one["node"] for one in told if one["job"] == "dead_mans_switch"] == ["gpu2"]
    assert {one["scheme"] for one in told if not one["address"].startswith("127.")} == {"https"}


def test_no_two_targets_are_the_same_series() -> None:
    told = targets(watched("gpu1", 11), watched("gpu2", 12, watcher=True))
    series = [(one["job"], one["node"], one.get("labels", {}).get("instance", one["address"])) for one in told]
    assert len(series) == len(set(series))


def test_where_the_others_are_not_known_nothing_is_told() -> None:
    """A converge looks at one node: what its monitor watches stays as the last introduction said."""
    assert Wired("base", group_vars(CHAT)).evaluate("{{ prometheus_targets }}") == []
    assert Wired("base", group_vars(CHAT)).evaluate("{{ prometheus_nodes }}") == []


def test_what_is_off_is_no_target() -> None:
    assert "victoria_metrics" not in {one["job"] for one in targets(watched("gpu1", 11), long_term=False)}


def test_a_monitor_and_a_watcher_have_roles_that_others_have_not() -> None:
    values = group_vars(CHAT)
    here = Wired("base", values).evaluate("{{ freehold_roles_of_this_node }}")
    assert {"prometheus", "alertmanager", "report", "grafana", "victoria_metrics", "dead_mans_switch"} <= set(here)
    values["freehold_host"] = {**values["freehold_host"], "name": "gpu2"}
    assert Wired("base", values).evaluate("{{ freehold_roles_of_this_node }}") == []
    gone = Wired("base", values).evaluate("{{ freehold_roles_not_of_this_node }}")
    assert "prometheus" in gone
    assert "embedding_sidecar" in gone
