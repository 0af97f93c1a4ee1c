"""An agent that a hand emptied or broke is built anew, and what else fails on a restore is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.live.ansible.playing import play

DIGEST = "0123456789ab" + 52 * "0"
BUILT = "an empty environment] ***"


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """An environment as the role leaves it: whole, and linked."""
    folder = tmp_path / "venvs" / f"agent-{DIGEST[:12]}"
    (folder / "bin").mkdir(parents=True)
    (folder / ".complete").touch()
    (folder / "bin" / "python").symlink_to("/usr/bin/python3")
    folder.with_name("agent").symlink_to(folder.name)
    return folder


def build(folder: Path) -> str:
    named = {"python_venv_name": "agent", "python_venv_requirements_sha256": DIGEST}
    placed = {"python_venv_bundle_url": "http://192.0.2.1", "python_venv_root": str(folder / "venvs")}
    return play(folder, "python_venv", named | placed, "--check")


def test_a_whole_environment_is_left_alone(tmp_path: Path, agent: Path) -> None:
    said = build(tmp_path)
    assert agent.is_dir()
    assert BUILT not in said
    assert "exit status 0" in said


@pytest.mark.parametrize("lost", [".complete", "bin/python"])
def test_an_environment_that_lost_a_part_is_built_anew_though_the_link_is_right(
    tmp_path: Path, agent: Path, lost: str
) -> None:
    (agent / lost).unlink()
    assert BUILT in build(tmp_path)


def restore(folder: Path, agent: Path, program: str) -> str:
    (folder / "baseline.json").touch()
    (agent / "bin" / "python").unlink()
    (agent / "bin" / "python").write_text(program)
    (agent / "bin" / "python").chmod(0o755)
    given = {"drift_python": str(agent / "bin" / "python"), "__drift_baseline": str(folder / "baseline.json")}
    return play(folder, "drift", given, tasks="restore")


def test_a_broken_agent_stops_no_converge_and_counts_as_unfinished(tmp_path: Path, agent: Path) -> None:
    said = restore(tmp_path, agent, "#!/bin/sh\nexit 1\n")
    assert "exit status 0" in said
    assert not (agent / ".complete").exists()


def test_an_agent_that_cannot_put_something_back_says_so_and_stays(tmp_path: Path, agent: Path) -> None:
    said = restore(tmp_path, agent, "#!/bin/sh\n[ $2 = -c ] || { echo 'apt-get: no space' >&2; exit 1; }\n")
    assert "apt-get: no space" in said
    assert "exit status 2" in said
    assert (agent / ".complete").exists()


def test_an_agent_that_is_whole_restores(tmp_path: Path, agent: Path) -> None:
    said = restore(tmp_path, agent, "#!/bin/sh\necho '{\"restored\": []}'\n")
    assert "exit status 0" in said
    assert (agent / ".complete").exists()
