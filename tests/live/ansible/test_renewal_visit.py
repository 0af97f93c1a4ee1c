"""The real playbook by the real ansible-playbook, with roles that do nothing: one node is off, another one fails."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.unit.keys.conftest import Clock

from freehold.fleet import playbook_run
from freehold.fleet.playbook_run import Ended, Files
from freehold.keys import renewal
from freehold.keys.files import KeysFolder
from freehold.keys.renewal import Renewal

LOCAL = {"ansible_connection": "local", "ansible_become": False}
OFF = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_become": False}
ROLE = """
- name: Fail where the test wants it
  ansible.builtin.assert: {that: inventory_hostname != "gpu3", fail_msg: KEYS_KEY_REVOKED}
- name: Work
  ansible.builtin.file: {path: "{{ playbook_place }}/{{ inventory_hostname }}", state: directory}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An inventory of four hosts, and stand-ins for the roles."""
    hosts = {"gpu1": OFF, "gpu2": LOCAL, "gpu3": LOCAL, "gpu4": LOCAL}
    shared = {
        "freehold_unfinished_mark": str(tmp_path / "mark"),
        "freehold_run_holder": "{{ {'domain': 'x'} | to_json }}",
        "playbook_place": str(tmp_path),
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    # Of each host: the playbook's own group_vars would win over those of a group.
    given = {name: {**own, **shared} for name, own in hosts.items()}
    (tmp_path / "hosts.yml").write_text(json.dumps({"inference_nodes": {"hosts": given}}))
    for role, files in (("tls", {"main.yml": ROLE}), ("drift", {"note_part.yml": "[]"})):
        for name, text in files.items():
            file = tmp_path / "roles" / role / "tasks" / name
            file.parent.mkdir(parents=True)
            file.write_text(text)
    return tmp_path


def test_one_dead_and_one_refused_node_stop_none_of_the_others(place: Path, folder: KeysFolder, clock: Clock) -> None:
    def run(words: Sequence[str], files: Files, *, cwd: Path, env: Mapping[str, str]) -> Ended:
        own = [str(place / "hosts.yml") if "/inventory/" in word else word for word in words]
        more = {"ANSIBLE_ROLES_PATH": str(place / "roles"), "FREEHOLD_STATE": str(place / "state")}
        return playbook_run.run(own, files, cwd=cwd, env={**env, **more})

    hosts = [{"name": name, "maintenance": False} for name in ("gpu1", "gpu2", "gpu3", "gpu4")]
    document = {
        "site": {"name": "lab"},
        "hosts": hosts,
        "keys": {"folder": str(folder.path)},
        "mesh": {"control": {"address": "10.85.0.1"}},
    }
    outcomes = renewal.renew(Renewal(document, place / "fleet.json", place), run=run, now=clock)
    told = {one.name: one.outcome for one in outcomes}
    log = (place / "logs" / "keys-renew.log").read_text()
    assert told == {
        "gpu1": "unreachable",
        "gpu2": "changed",
        "gpu3": "failed",
        "gpu4": "changed",
        "control": "changed",
    }, log
    assert "KEYS_KEY_REVOKED" in next(one.message for one in outcomes if one.name == "gpu3")
