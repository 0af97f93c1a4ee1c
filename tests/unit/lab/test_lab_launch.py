from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.unit.lab.conftest import Recorder

from freehold.lab import launch
from freehold.lab.cgroup import Hierarchies
from freehold.lab.launch import DirectLauncher, Service, SystemdLauncher

NODE = Service("lab-gpu1", ("nspawn", "--boot"), Path("/tmp/lab-test.log"), reboots=True)  # noqa: S108  not written
WEB = Service("lab-web", ("nginx",), Path("/tmp/lab-test.log"))  # noqa: S108


def test_a_program_enters_its_groups_before_it_starts(tmp_path: Path) -> None:
    groups = [tmp_path / "a", tmp_path / "b"]
    for folder in groups:
        folder.mkdir()
    command = launch.entering([str(folder) for folder in groups], ["sh", "-c", 'echo "$$ $1"', "sh", "two words"])
    pid, words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().split(" ", 1)
    assert [(folder / "cgroup.procs").read_text(encoding="ascii").strip() for folder in groups] == [pid, pid]
    assert words == "two words"


def test_a_program_does_not_start_outside_of_its_group(tmp_path: Path) -> None:
    command = launch.entering([str(tmp_path / "missing")], ["echo", "ran"])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode != 0, done.stdout) == (True, "")


def test_a_node_runs_under_a_keeper_in_a_group_of_its_own(tmp_path: Path, recorder: Recorder) -> None:
    DirectLauncher(recorder, Hierarchies(tmp_path)).start(NODE)
    (asked,) = recorder.asked
    task = json.loads(asked[asked.index("{") :])
    assert asked.startswith("setsid --fork sh -c")
    assert f"{tmp_path}/lab-gpu1.keeper" in asked
    assert task["group"] == f"{tmp_path}/lab-gpu1"
    assert task["command"][-2:] == ["nspawn", "--boot"]


def test_a_service_needs_no_keeper(tmp_path: Path, recorder: Recorder) -> None:
    DirectLauncher(recorder, Hierarchies(tmp_path)).start(WEB)
    assert "freehold.lab.keeper" not in recorder.asked[0]
    assert not (tmp_path / "lab-web.keeper").exists()


def test_a_node_without_its_keeper_does_not_count_as_running(tmp_path: Path, recorder: Recorder) -> None:
    launcher = DirectLauncher(recorder, Hierarchies(tmp_path))
    for name, populated in (("lab-gpu1", 1), ("lab-gpu1.keeper", 0), ("lab-web", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.events").write_text(f"populated {populated}\n", encoding="ascii")
    assert launcher.running("lab-web")
    assert not launcher.running("lab-gpu1")
    (tmp_path / "lab-gpu1.keeper/cgroup.events").write_text("populated 1\n", encoding="ascii")
    assert launcher.running("lab-gpu1")


def test_systemd_restarts_a_node_on_nspawns_reboot_status_only(recorder: Recorder, tmp_path: Path) -> None:
    launcher = SystemdLauncher(recorder)
    launcher.start(Service("lab-gpu1", ("nspawn",), tmp_path / "logs/a", reboots=True))
    launcher.start(Service("lab-web", ("nginx",), tmp_path / "logs/b"))
    node, web = [line for line in recorder.asked if line.startswith("systemd-run")]
    assert "--property=RestartForceExitStatus=133" in node
    assert "--property=Delegate=yes" in node
    assert "RestartForceExitStatus" not in web


def test_a_unit_between_two_starts_counts_as_running(recorder: Recorder) -> None:
    launcher = SystemdLauncher(recorder)
    for state, running in (("active\n", True), ("activating\n", True), ("inactive\n", False), ("failed\n", False)):
        recorder.answers["systemctl is-active"] = state
        assert launcher.running("lab-gpu1") is running


def test_the_launcher_is_systemds_where_systemd_runs(tmp_path: Path, recorder: Recorder) -> None:
    trees = Hierarchies(tmp_path)
    assert isinstance(launch.make_launcher(recorder, trees, systemd=tmp_path), SystemdLauncher)
    assert isinstance(launch.make_launcher(recorder, trees, systemd=tmp_path / "no"), DirectLauncher)
