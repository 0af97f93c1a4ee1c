"""A run by hand notes what its tasks declare, before the role that hands it to the node, and leaves no file behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from freehold.paths import PROJECT

PLAY = """
- hosts: one, two
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {content: x, dest: "{{ playbook_dir }}/{{ inventory_hostname }}-wrote", mode: "0600"}
    - ansible.builtin.template: {src: t.j2, dest: "{{ playbook_dir }}/{{ item }}", mode: "0644"}
      loop: ["{{ inventory_hostname }}-1", "{{ inventory_hostname }}-2"]
      when: not item.endswith('-2')
    - ansible.builtin.copy: {content: x, dest: "{{ playbook_dir }}/skipped", mode: "0600"}
      when: false
    - ansible.builtin.copy: {content: x, dest: "{{ playbook_dir }}/looked-at", mode: "0600"}
      check_mode: true
    - ansible.builtin.copy: {content: x, dest: "{{ playbook_dir }}/elsewhere", mode: "0600"}
      delegate_to: localhost
    - ansible.builtin.copy: {content: hunter2, dest: "{{ playbook_dir }}/secret-{{ inventory_hostname }}", mode: "0600"}
      no_log: true
    - ansible.builtin.include_role: {name: drift}
    - ansible.builtin.copy: {content: x, dest: "{{ playbook_dir }}/after", mode: "0600"}
"""
ROLE = """
- ansible.builtin.copy:
    src: "{{ lookup('ansible.builtin.env', 'FREEHOLD_DECLARED_FOLDER') }}/{{ inventory_hostname }}.declared.json"
    dest: "{{ playbook_dir }}/{{ inventory_hostname }}.noted"
    mode: "0600"
- ansible.builtin.copy:
    content: "{{ lookup('ansible.builtin.env', 'FREEHOLD_DECLARED_FOLDER') }}"
    dest: "{{ playbook_dir }}/folder"
    mode: "0600"
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in {
        "play.yml": PLAY,
        "roles/drift/tasks/main.yml": ROLE,
        "t.j2": "t",
        "hosts": "one\ntwo\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def play(tree: Path, *options: str, more: Mapping[str, str] | None = None) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "FREEHOLD_"))}
    given = {"ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "ANSIBLE_ROLES_PATH": str(tree / "roles")}
    settings = {"ANSIBLE_INVENTORY_ENABLED": "ini", "ANSIBLE_HOME": str(tree / "home"), **(more or {})}
    words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts", "play.yml", *options]
    extra = ["-e", json.dumps({"ansible_python_interpreter": sys.executable})]
    done = subprocess.run(
        [*words, *extra], cwd=tree, env={**kept, **given, **settings}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def noted(tree: Path, host: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tree / f"{host}.noted").read_text())
    return {str(Path(name).name): told for name, told in found["files"].items()}


def test_each_host_is_noted_with_what_its_own_tasks_made_sure_of(tree: Path) -> None:
    play(tree)
    assert set(noted(tree, "one")) == {"one-wrote", "one-1"}
    assert set(noted(tree, "two")) == {"two-wrote", "two-1"}
    assert noted(tree, "one")["one-wrote"]["mode"] == "0600"
    assert "hunter2" not in (tree / "one.noted").read_text()
    assert not Path((tree / "folder").read_text()).exists()


def test_a_folder_that_is_given_is_used_and_left(tree: Path) -> None:
    folder = tree / "run"
    folder.mkdir()
    play(tree, more={"FREEHOLD_DECLARED_FOLDER": str(folder)})
    assert sorted(path.name for path in folder.iterdir()) == ["one.declared.json", "two.declared.json"]
