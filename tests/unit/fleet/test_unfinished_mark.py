"""The mark on a node: a run from here goes on, one from elsewhere is refused, and nothing else tells the two apart."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from freehold.fleet import lock
from freehold.paths import PROJECT

PROGRAM = PROJECT / "playbooks" / "library" / "freehold_unfinished.py"


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("freehold_unfinished", PROGRAM)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "unfinished"


def run(mark: Path, holder: dict[str, Any] | str, state: str, *, check: bool = False) -> dict[str, Any]:
    """The module as Ansible runs it on a node."""
    text = holder if isinstance(holder, str) else json.dumps(holder)
    arguments = {"path": str(mark), "holder": text, "state": state, "_ansible_check_mode": check}
    given = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
    done = subprocess.run([sys.executable, PROGRAM], input=given, capture_output=True, text=True, check=False)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def here(tmp_path: Path) -> dict[str, str | int]:
    return lock.holder(tmp_path, "converge")


def test_a_run_marks_and_unmarks(tmp_path: Path, mark: Path) -> None:
    assert run(mark, here(tmp_path), "look")["cut_off"] is False
    assert not mark.exists()
    assert run(mark, here(tmp_path), "begun")["cut_off"] is False
    assert json.loads(mark.read_text())["who"] == here(tmp_path)["who"]
    assert mark.stat().st_mode & 0o777 == 0o644
    assert run(mark, here(tmp_path), "ended")["changed"] is False
    assert list(mark.parent.iterdir()) == []


def test_the_next_run_from_here_learns_that_one_was_cut_off(tmp_path: Path, mark: Path) -> None:
    run(mark, here(tmp_path), "begun")
    assert run(mark, here(tmp_path), "begun")["cut_off"] is True


def test_a_run_from_elsewhere_is_refused_with_the_holder_and_changes_nothing(tmp_path: Path, mark: Path) -> None:
    run(mark, {**here(tmp_path), "domain": "f00", "where": "other-control"}, "begun")
    before = mark.read_text()
    for state in ("look", "begun", "ended"):
        refused = run(mark, here(tmp_path), state)
        assert refused["failed"] is True
        assert refused["msg"].startswith("HOST_LOCKED_ELSEWHERE ")
        assert "on other-control" in refused["msg"]
        assert "freehold fleet unlock --host" in refused["msg"]
    assert mark.read_text() == before


def test_a_run_without_a_lock_is_refused(mark: Path) -> None:
    assert run(mark, "", "look")["msg"].startswith("RUN_WITHOUT_LOCK")
    assert "failed" not in run(mark, "", "begun", check=True)
    assert not mark.exists()


@pytest.mark.parametrize("text", ["", '{"domain": "f00"}', "scribble", "[]", None])
def test_node_and_control_host_judge_a_mark_alike(module: ModuleType, tmp_path: Path, text: str | None) -> None:
    """``None`` stands for the mark of a run from here."""
    written = json.dumps(here(tmp_path)) if text is None else text
    errors = lock.elsewhere(tmp_path, "gpu1", written)
    assert module.foreign(written, here(tmp_path)) == "".join(error.found for error in errors)
    assert bool(errors) == (text not in ("", None))


def test_of_two_that_begin_at_once_one_is_refused(module: ModuleType, tmp_path: Path, mark: Path) -> None:
    """Both looked before either wrote: the link decides."""
    other = {**here(tmp_path), "domain": "f00"}
    assert module.begin(str(mark), other) == (None, "")
    assert module.begin(str(mark), here(tmp_path))[1].startswith("converge by ")
