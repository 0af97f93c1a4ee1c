"""A run of the real Ansible: its task while it goes, its recap, the failure's words, and no secret in either."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from freehold.fleet import playbook_run
from freehold.fleet.playbook_run import Files

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Say a word
      ansible.builtin.debug:
        msg: "password: XSECRETX99"
    - name: Break on purpose
      ansible.builtin.command: {argv: [sh, -c, "echo the reason >&2; exit 3"]}
      changed_when: true
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "logs" / "run.log", tmp_path / "run.task", tmp_path / "recap.json")


def test_real_ansible_writes_task_recap_and_failure(files: Files, tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text(PLAYBOOK)
    words = [playbook_run.ansible_playbook(), "-i", "here,", "-c", "local", "site.yml"]
    (tmp_path / "ansible.cfg").touch()
    env = {"ANSIBLE_PYTHON_INTERPRETER": sys.executable, "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg")}
    ended = playbook_run.run(words, files, cwd=tmp_path, env=env)
    assert ended.returncode == 2
    assert ended.recap
    assert ended.recap["hosts"]["here"]["failures"] == 1
    (failure,) = ended.recap["failures"]
    assert failure["task"] == "Break on purpose"
    assert "the reason" in failure["message"]
    assert not files.task.exists()
    log = files.log.read_text()
    assert "Say a word" in log
    assert "XSECRETX99" not in log + json.dumps(ended.recap)
