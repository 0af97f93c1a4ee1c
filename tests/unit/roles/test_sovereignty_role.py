"""What the role writes is what the program on the node reads, and neither check holds up the other or serving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.roles.role import DIGEST, Role, tasks, unit

from freehold.sovereignty import node_settings
from freehold.sovereignty.checks import OWN_SETTINGS

NAME = "sovereignty_checks"


def settings(role: Role, file: Path) -> node_settings.NodeSettings:
    """The settings as the role writes them, read by the program."""
    task = next(task for task in role.load("tasks/configure.yml") if "ansible.builtin.copy" in task)
    found = role.evaluate(task["ansible.builtin.copy"]["content"], **task["vars"])
    file.write_text(found if isinstance(found, str) else json.dumps(found), encoding="utf-8")
    return node_settings.read(file)


def test_the_program_reads_what_the_role_writes(tmp_path: Path) -> None:
    given = {"probe_targets": ["203.0.113.10:443", "[2001:db8::1]:443"], "own_hosts": ["gpu1", "10.85.0.0/24", "gpu1"]}
    read = settings(Role(NAME, {f"{NAME}_{name}": value for name, value in given.items()}), tmp_path / "made.json")
    assert (read.node, read.models) == ("gpu1", {"small-chat": DIGEST})
    assert read.probe_targets == ("203.0.113.10:443", "[2001:db8::1]:443")
    assert read.own_hosts == ("10.85.0.0/24", "gpu1")


def test_the_files_lie_where_the_program_looks_for_them() -> None:
    variables = Role(NAME).variables()
    assert variables["__sovereignty_checks_config"] == OWN_SETTINGS == str(node_settings.SETTINGS)
    assert variables["__sovereignty_checks_peers"] == str(node_settings.PEERS)


def test_other_nodes_come_in_a_file_of_their_own() -> None:
    (task,) = tasks(Role(NAME).path / "tasks/peers.yml")
    assert task["ansible.builtin.copy"]["dest"] == "{{ __sovereignty_checks_peers }}"
    assert "notify" not in task


@pytest.mark.parametrize(
    "wrong",
    [
        {"node": ""},
        {"models": {}},
        {"models": {"small-chat": "latest"}},
        {"probe_targets": ["203.0.113.10"]},
        {"probe_targets": ["https://203.0.113.10:443/x"]},
        {"metrics_folder": "/srv/x"},
    ],
)
def test_a_run_that_could_check_nothing_is_refused(wrong: dict[str, Any]) -> None:
    said = Role(NAME, {f"{NAME}_{name}": value for name, value in wrong.items()}).complaints()
    assert said.startswith("SOVEREIGNTY_INPUT")
    assert Role(NAME).complaints() == ""


def test_reading_hundreds_of_gigabytes_is_a_service_of_its_own_without_rights() -> None:
    role = Role(NAME)
    light = unit(role.render("freehold-sovereignty.service.j2"))["Service"]
    heavy = unit(role.render("freehold-weights-digest.service.j2"))["Service"]
    for service in (light, heavy):
        assert (service["CPUSchedulingPolicy"], service["IOSchedulingClass"]) == (["idle"], ["idle"])
    assert (heavy["CPUWeight"], heavy["IOWeight"]) == (["1"], ["1"])
    assert heavy["SupplementaryGroups"] == ["freehold-weights"]
    assert unit(role.render("once.conf.j2")) == {"Service": {"Restart": ["no"]}}
    assert light["ExecStart"][0].endswith("node-metrics /var/lib/freehold/textfile/sovereignty/sovereignty.prom")
    assert light["StateDirectory"] == ["freehold/textfile/sovereignty"]
    assert heavy["StateDirectory"] == ["freehold/textfile/weights_digest"]
