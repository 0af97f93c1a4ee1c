"""Ansible itself reads the inventory from an exported document: hosts, groups, variables, pinned keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.fleet import document as documents

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "ansible.cfg").write_text(
        f"[defaults]\ninventory_plugins = {ROOT}/inventory/plugins\n[inventory]\nenable_plugins = freehold_stack\n"
        "unparsed_is_failed = true\n"
    )
    (tmp_path / "site.freehold_stack.yml").write_text(
        "plugin: freehold_stack\ndocument: export/fleet.json\nprivate_key: key\n"
        "keyed_groups: [{key: freehold_host.gpu_model, prefix: model}]\n"
        "groups: {small: freehold_host.gpus < 8}\n"
        "compose: {endpoint: freehold_host.serve_address ~ ':' ~ freehold_fleet.gateway.port}\n"
    )
    return tmp_path


def inventory(site: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("ansible-inventory")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FREEHOLD_", "ANSIBLE_"))}
    env = {**kept, "ANSIBLE_CONFIG": str(site / "ansible.cfg"), "ANSIBLE_HOME": str(site / "home"), **environment}
    words = words or ("--list", "--export")
    command = [str(program), "-i", str(site / "site.freehold_stack.yml"), *words]
    return subprocess.run(command, cwd=site, env=env, capture_output=True, text=True, check=False)


def plain(value: Any) -> Any:
    """Ansible marks strings from an inventory as never to be templated; that is wanted, and looked through here."""
    if isinstance(value, dict):
        return (
            plain(value["__ansible_unsafe"]) if "__ansible_unsafe" in value else {k: plain(v) for k, v in value.items()}
        )
    return [plain(item) for item in value] if isinstance(value, list) else value


def test_hosts_groups_and_variables(site: Path, document: dict[str, Any]) -> None:
    documents.export(document, site / "export")
    listed = json.loads(inventory(site).stdout)
    assert listed["inference_nodes"]["hosts"] == ["gpu1", "gpu2"]
    assert listed["monitor"]["hosts"] == ["gpu1"]
    assert listed["control"]["hosts"] == ["localhost"]
    assert "maintenance" not in listed
    assert plain(listed["all"]["vars"]["freehold_fleet"]) == document
    gpu2 = listed["_meta"]["hostvars"]["gpu2"]
    assert plain(gpu2["freehold_host"]) == document["hosts"][1]
    reached = [plain(gpu2[f"ansible_{name}"]) for name in ("host", "port", "user")]
    assert reached == ["192.0.2.12", 2222, "freehold-ops"]
    assert plain(gpu2["ansible_ssh_private_key_file"]) == str(site / "key")


def test_constructed_groups_and_variables(site: Path, document: dict[str, Any]) -> None:
    documents.export(document, site / "export")
    listed = json.loads(inventory(site).stdout)
    assert listed["model_NVIDIA_H200"]["hosts"] == ["gpu1", "gpu2"]
    assert listed["small"]["hosts"] == ["gpu2"]
    assert plain(listed["_meta"]["hostvars"]["gpu1"]["endpoint"]) == "198.51.100.11:8080"


def test_a_host_in_maintenance_is_in_no_other_group(site: Path, document: dict[str, Any]) -> None:
    document["hosts"][1]["maintenance"] = True
    document["monitor"] = ["gpu1", "gpu2"]
    documents.export(document, site / "export")
    listed = json.loads(inventory(site).stdout)
    assert listed["maintenance"]["hosts"] == ["gpu2"]
    assert listed["inference_nodes"]["hosts"] == listed["monitor"]["hosts"] == ["gpu1"]


def test_the_graph(site: Path, document: dict[str, Any]) -> None:
    documents.export(document, site / "export")
    graph = inventory(site, "--graph").stdout.splitlines()
    start = graph.index("  |--@inference_nodes:")
    assert graph[start + 1 : start + 3] == ["  |  |--gpu1", "  |  |--gpu2"]
    assert "  |--@monitor:" in graph
    assert "  |--@maintenance:" in graph


def ask_pulumi(site: Path, document: dict[str, Any], *options: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A site without an exported file, and a CLI that counts how often it is asked."""
    answer = site / "answer.json"
    answer.write_text(json.dumps(document))
    (site / "bin").mkdir()
    program = site / "bin" / "pulumi"
    program.write_text(f'#!/bin/sh\necho "$@" >> {site}/asked\ncat {answer}\n')
    program.chmod(0o755)
    with (site / "site.freehold_stack.yml").open("a") as stream:
        stream.write("\n".join(["pulumi: true", "stack: test", *options, ""]))
    env = {"PATH": f"{site}/bin:{os.environ['PATH']}", "FREEHOLD_CACHE": str(site / "freehold-cache")}
    return lambda: inventory(site, "--list", **env)


def test_pulumi_is_asked_only_where_there_is_no_file(site: Path, document: dict[str, Any]) -> None:
    listed = ask_pulumi(site, document)
    gpu1 = json.loads(listed().stdout)["_meta"]["hostvars"]["gpu1"]
    folder = site / "freehold-cache" / "inventory" / "test"
    assert f"UserKnownHostsFile={folder}/known_hosts" in plain(gpu1["ansible_ssh_common_args"])
    assert (folder / "known_hosts").read_text().startswith("192.0.2.11 ssh-ed25519 ")
    assert (site / "asked").read_text().split()[:4] == ["stack", "output", "document", "--json"]
    documents.export(document, site / "export")
    listed()
    assert len((site / "asked").read_text().splitlines()) == 1


def test_what_pulumi_said_is_cached_as_ansible_is_told_to(site: Path, document: dict[str, Any]) -> None:
    options = ("cache: true", "cache_plugin: ansible.builtin.jsonfile", "cache_connection: cached")
    listed = ask_pulumi(site, document, *options)
    first, second = listed(), listed()
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert len((site / "asked").read_text().splitlines()) == 1


def test_without_the_option_nobody_asks_pulumi(site: Path, document: dict[str, Any]) -> None:
    listed = ask_pulumi(site, document, "pulumi: false")
    assert "DOCUMENT_REFUSED" in listed().stderr
    assert not (site / "asked").exists()


def test_the_document_of_another_stack_is_refused(site: Path, document: dict[str, Any]) -> None:
    with (site / "site.freehold_stack.yml").open("a") as stream:
        stream.write("stack: rack1\n")
    documents.export(document, site / "export")
    refused = inventory(site)
    assert refused.returncode != 0
    assert "DOCUMENT_OF_ANOTHER_STACK" in refused.stderr
    assert "the document of stack test" in refused.stderr
    documents.export({**document, "stack": "rack1"}, site / "export")
    assert inventory(site).returncode == 0


def test_the_host_keys_are_pinned(site: Path, document: dict[str, Any]) -> None:
    documents.export(document, site / "export")
    arguments = json.loads(inventory(site, "--host", "gpu1").stdout)["ansible_ssh_common_args"]
    assert "StrictHostKeyChecking=yes" in arguments
    assert f"UserKnownHostsFile={site}/export/known_hosts" in arguments


def test_the_environment_wins_over_the_file(site: Path, document: dict[str, Any], tmp_path: Path) -> None:
    documents.export(document, site / "export")
    other = documents.export({**document, "stack": "other"}, tmp_path / "run")
    given = {"FREEHOLD_FLEET_DOCUMENT": str(other), "FREEHOLD_PRIVATE_KEY_FILE": "/k"}
    shown = json.loads(inventory(site, "--host", "gpu1", **given).stdout)
    assert shown["freehold_fleet"]["stack"] == "other"
    assert shown["ansible_ssh_private_key_file"] == "/k"
    assert f"{tmp_path}/run/known_hosts" in shown["ansible_ssh_common_args"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": 1}, "schema 1, of an older Freehold"),
        ({"schema": 9}, "schema 9, of a newer"),
        ({"hosts": []}, "hosts"),
    ],
)
def test_a_wrong_document_is_refused_with_the_reason(
    site: Path, document: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    (site / "export").mkdir()
    (site / "export" / "fleet.json").write_text(json.dumps({**document, **change}))
    done = inventory(site)
    assert done.returncode != 0
    assert "DOCUMENT_REFUSED" in done.stderr
    assert reason in done.stderr


def test_the_example_site_is_read_by_ansible(site: Path, document: dict[str, Any]) -> None:
    """The example's own file, with the document where `pulumi up` leaves it."""
    documents.export({**document, "stack": "example"}, site / ".local" / "state" / "freehold" / "example" / "export")
    program = Path(sys.executable).with_name("ansible-inventory")
    env = {**os.environ, "HOME": str(site), "ANSIBLE_CONFIG": str(site / "ansible.cfg")}
    command = [str(program), "-i", str(ROOT / "inventory" / "example"), "--graph"]
    done = subprocess.run(command, cwd=site, env=env, capture_output=True, text=True, check=False)
    assert "@inference_nodes" in done.stdout, done.stderr
    assert "--gpu1" in done.stdout
