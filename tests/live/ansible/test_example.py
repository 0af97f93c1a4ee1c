"""The example is a whole site: its settings make a document, and each role's templates are filled for each host."""

from __future__ import annotations

import configparser
import json
import re
from typing import Any

import pytest
import yaml
from tests.live.ansible.rendering import render

from freehold.fleet import document as documents
from freehold.fleet import reading
from freehold.fleet.checks import World
from freehold.paths import PROJECT

DATA = PROJECT / "tests" / "data" / "fleet"
EXAMPLE = PROJECT / "stacks" / "fleet" / "Pulumi.example.yaml"
HOSTS = ["gpu1", "gpu2", "gpu3", "gpu4"]


def from_settings() -> dict[str, Any]:
    """The example's own stack file, with secrets opened, the bundle that it speaks of, and all nodes' keys known."""
    config = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["config"]
    data = {key.removeprefix("fleet:"): value for key, value in config.items()}
    sealed = {"api_keys": {"operator": "k" * 43, "agents": "a" * 43}, "digest_key": "d" * 43}
    bundle, keys = (json.loads((DATA / name).read_text()) for name in ("example-bundle.json", "keys.json"))
    sites = {"example"}
    world = World(lambda *_: bundle, lambda _: None, sites, lambda _: keys)
    read = reading.read(reading.Raw(data | sealed, EXAMPLE.name), world)
    made = documents.build(read.settings, read.bundle, read.keys, "example")
    return documents.with_peers(made, {host["name"]: f"{host['name']}-key" for host in made["hosts"]})


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return from_settings()


# Alerts and mails have templates of their own, for Prometheus and Alertmanager to fill in.
THEIRS = ("/etc/freehold/prometheus/rules/", "/etc/freehold/alertmanager/")


@pytest.fixture(scope="module")
def rendered(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("example")
    return render(PROJECT / "inventory" / "example", documents.export(document, folder / "export"), folder)


def test_four_hosts_of_eight_gpus_watched_by_the_first(document: dict[str, Any]) -> None:
    assert [host["name"] for host in document["hosts"]] == HOSTS
    assert {(host["gpus"], host["gpu_model"]) for host in document["hosts"]} == {(8, "NVIDIA H200")}
    assert [host["mesh_address"] for host in document["hosts"]] == [f"10.85.0.1{n}" for n in range(1, 5)]
    assert document["monitor"] == ["gpu1"]
    assert document["simulated"] == []


def test_every_template_of_every_role_is_rendered_for_every_host(rendered: dict[str, dict[str, str]]) -> None:
    assert sorted(rendered) == HOSTS
    templates = list((PROJECT / "roles").glob("*/templates/*.j2"))
    # No llama.cpp in this site: its unit, its settings and the sidecar's have nothing to be rendered for.
    # Nor is there Grafana, whose package the owner has to bring.
    absent = [path for path in templates if re.search("llama_cpp|embedding|/grafana/", str(path))]
    assert len({path for files in rendered.values() for path in files}) >= len(templates) - len(absent)
    for files in rendered.values():
        ours = {path: text for path, text in files.items() if not path.startswith(THEIRS)}
        assert not [path for path, text in ours.items() if "{{" in text or "__omit_place_holder__" in text]


@pytest.mark.parametrize("host", HOSTS)
def test_vllm_is_told_what_the_settings_say(rendered: dict[str, dict[str, str]], host: str) -> None:
    chat = yaml.safe_load(rendered[host]["/etc/freehold/runtime/llama-3.3-70b-instruct-fp8.yaml"])
    wanted = {
        "model": "/var/lib/freehold/weights/models/llama-3.3-70b-instruct-fp8/files",
        "host": "127.0.0.1",
        "port": 18000,
        "max-model-len": 131072,
        "max-num-seqs": 256,
        "tensor-parallel-size": 8,
        "gpu-memory-utilization": 0.85,
    }
    assert {key: chat[key] for key in wanted} == wanted
    embedding = yaml.safe_load(rendered[host]["/etc/freehold/runtime/bge-m3.yaml"])
    assert (embedding["runner"], embedding["port"], embedding["tensor-parallel-size"]) == ("pooling", 18100, 1)


@pytest.mark.parametrize("host", HOSTS)
def test_the_gateway_serves_both_models_on_the_hosts_own_address(
    rendered: dict[str, dict[str, str]], document: dict[str, Any], host: str
) -> None:
    gateway = json.loads(rendered[host]["/etc/freehold/gateway.json"])
    own = next(entry for entry in document["hosts"] if entry["name"] == host)
    assert gateway["listen"] == {"host": own["serve_address"], "port": 8080}
    assert [(m["name"], m["url"]) for m in gateway["models"]] == [
        ("llama-3.3-70b-instruct-fp8", "http://127.0.0.1:18000"),
        ("bge-m3", "http://127.0.0.1:18100"),
    ]
    assert [key["name"] for key in gateway["keys"]] == ["agents", "operator"]
    unit = rendered[host]["/etc/systemd/system/freehold-gateway.service"]
    assert gateway["limits"]["drain_seconds"] == 300  # inventory/example, drain.yml
    assert "TimeoutStopSec=325" in unit


@pytest.mark.parametrize("host", HOSTS)
def test_what_the_site_overrides_wins(rendered: dict[str, dict[str, str]], host: str) -> None:
    files = rendered[host]
    (journal,) = (text for path, text in files.items() if "journald.conf" in path)
    (clock,) = (text for path, text in files.items() if "timesyncd.conf" in path)
    read = configparser.ConfigParser(interpolation=None)
    read.read_string(journal)
    assert read["Journal"]["SystemMaxUse"] == "4G"
    assert "NTP=192.0.2.1" in clock


@pytest.mark.parametrize("host", HOSTS)
def test_each_host_knows_the_others_and_nobody_else_on_the_mesh(rendered: dict[str, dict[str, str]], host: str) -> None:
    (peers,) = (text for path, text in rendered[host].items() if path.endswith(".peers"))
    assert peers.count("[Peer]") == len(HOSTS)  # the three others and the control host
    for other in set(HOSTS) - {host}:
        assert f"PublicKey = {other}-key" in peers
        assert f"Endpoint = 192.0.2.1{other[-1]}:51820" in peers
    assert f"{host}-key" not in peers
    assert "AllowedIPs = 10.85.0.1/32" in peers
