"""Secrets go on to the real Ansible in a file without a name, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.fleet.test_fed import SECRETS

from freehold.fleet import fed
from freehold.paths import PROJECT


@pytest.mark.parametrize("given", [SECRETS, {}, None])
def test_ansible_gets_them_as_they_are_and_nothing_of_them_is_seen_from_outside(
    given: fed.Credentials | None, tmp_path: Path
) -> None:
    play = tmp_path / "play.yml"
    (tmp_path / "lookup_plugins").symlink_to(PROJECT / "playbooks/lookup_plugins")
    seen = "{{ {'given': lookup('freehold_credentials')} | to_json }}"
    task = {"ansible.builtin.copy": {"content": seen, "dest": str(tmp_path / "seen"), "mode": "0600"}}
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [{**task, "no_log": True}]}]))
    words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", str(play)]
    words += ["-e", f"ansible_python_interpreter={sys.executable}"]
    with fed.handed_on(given) as (variables, descriptors):
        assert all(value.isdigit() for value in variables.values())
        env = {**os.environ, **variables}
        done = subprocess.run(
            words, env=env, pass_fds=descriptors, cwd=tmp_path, capture_output=True, text=True, check=True
        )
    assert json.loads((tmp_path / "seen").read_text())["given"] == given
    assert not [secret for secret in SECRETS.values() if secret in done.stdout + done.stderr]
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
