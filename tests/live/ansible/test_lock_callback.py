"""ansible-playbook by hand takes the lock of every host of the play, or ends with 6; its workers end with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.unit.fleet.waiting import wait_for

from freehold.fleet import document as documents
from freehold.fleet import lock
from freehold.paths import PROJECT

PLAY = """
- hosts: inference_nodes
  gather_facts: false
  tasks:
    - name: Work
      ansible.builtin.command: {argv: [sh, -c, "echo $$ > worked-{{ inventory_hostname }}; {{ work }}"]}
      args: {chdir: "{{ playbook_dir }}"}
      changed_when: false
    - name: Say who
      ansible.builtin.debug: {msg: "{{ lookup('ansible.builtin.env', 'FREEHOLD_HOLDER') }}"}
"""


@pytest.fixture
def state(tmp_path: Path, document: dict[str, Any]) -> Path:
    documents.export(document, tmp_path)
    (tmp_path / "site.freehold_stack.yml").write_text("plugin: freehold_stack\ndocument: fleet.json\n")
    (tmp_path / "play.yml").write_text(PLAY)
    return tmp_path / "state"


def words(*options: str, work: str = "true") -> list[str]:
    extra = json.dumps({"ansible_connection": "local", "ansible_become": False, "work": work})
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return [program, "-i", "site.freehold_stack.yml", "-e", extra, "play.yml", *options]


def environment(state: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "FREEHOLD_"))}
    given = {"ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "FREEHOLD_STATE": str(state), "ANSIBLE_NOCOLOR": "1"}
    return {**kept, **given, "ANSIBLE_HOME": str(state.parent / "home"), **(more or {})}


def play(
    state: Path, *options: str, fds: tuple[int, ...] = (), more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words(*options),
        cwd=state.parent,
        env=environment(state, more),
        capture_output=True,
        text=True,
        check=False,
        pass_fds=fds,
    )


def test_a_run_by_hand_ends_with_6_where_somebody_works_and_touches_no_host(state: Path) -> None:
    with lock.held(state, "gpu2", "converge"):
        done = play(state)
    assert done.returncode == 6
    assert "HOST_LOCKED gpu2" in done.stderr
    assert f"process {os.getpid()}, since 20" in done.stderr
    assert list(state.parent.glob("worked-*")) == []


def test_limit_check_and_lists_are_not_in_the_way(state: Path) -> None:
    with lock.held(state, "gpu2", "converge"):
        for options in (("--limit", "gpu1"), ("--check",), ("--list-hosts",), ("--list-tasks",)):
            assert play(state, *options).returncode == 0, options


def test_a_free_host_is_worked_on_under_its_lock_and_a_list_of_callbacks_does_not_unlock(state: Path) -> None:
    done = play(state, more={"ANSIBLE_CALLBACKS_ENABLED": "freehold_recap"})
    assert done.returncode == 0, done.stdout
    assert '"purpose": "ansible-playbook play.yml"' in " ".join(done.stdout.split())
    assert lock.look(state, ["gpu1", "gpu2"]) == []
    with lock.held(state, "gpu2", "converge"):
        assert play(state, more={"ANSIBLE_CALLBACKS_ENABLED": "freehold_recap"}).returncode == 6


def test_the_lock_of_the_parent_is_left_to_it(state: Path) -> None:
    with lock.held(state, "gpu1", "converge") as first, lock.held(state, "gpu2", "converge") as second:
        given = {lock.HELD: json.dumps({"gpu1": first, "gpu2": second})}
        assert play(state, fds=(first, second), more=given).returncode == 0
        assert play(state, more=given).returncode == 6  # named, and not handed down


def test_kill_9_of_the_run_ends_its_workers_and_the_lock_ends_with_them(state: Path) -> None:
    """A worker has a session of its own: killing the run's process group would miss it."""
    command = words("--limit", "gpu1", work="exec tail -f /dev/null")
    run = subprocess.Popen(command, cwd=state.parent, env=environment(state), stdout=subprocess.DEVNULL)
    worked = state.parent / "worked-gpu1"
    wait_for(lambda: worked.is_file() and worked.read_text().strip() != "")
    task = int(worked.read_text())
    try:
        assert play(state, "--limit", "gpu1").returncode == 6
        run.send_signal(signal.SIGKILL)
        run.wait()
        wait_for(lambda: lock.look(state, ["gpu1"]) == [])
        assert play(state, "--limit", "gpu1").returncode == 0
    finally:
        if Path(f"/proc/{task}").exists():
            os.kill(task, signal.SIGKILL)
