"""The control host's unit: it raises the same end at every boot, and goes without a trace."""

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.roles.role import unit
from typer.testing import CliRunner

from freehold.cli import build
from freehold.errors import RefusedError, UsageError
from freehold.mesh import at_boot
from freehold.process import Completed


class Systemctl:
    """Stands for systemctl."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, args: Any, **_: Any) -> Completed:
        self.asked.append(" ".join(args))
        return Completed(tuple(args), 0, "", "")


def test_the_unit_runs_the_command_with_the_same_document_and_interface() -> None:
    found = unit(at_boot.text(Path("/srv/a fleet/fleet.json"), "fh-control", Path("/srv/freehold")))
    words = f"{sys.executable} -m freehold mesh {{}} --document '/srv/a fleet/fleet.json' --interface fh-control"
    assert found["Service"]["ExecStart"] == [words.format("up")]
    assert found["Service"]["ExecStop"] == [words.format("down")]
    assert (found["Service"]["Type"], found["Service"]["RemainAfterExit"]) == (["oneshot"], ["yes"])
    assert found["Unit"]["After"] == found["Unit"]["Wants"] == ["network-online.target"]
    assert found["Install"]["WantedBy"] == ["multi-user.target"]


def test_what_means_something_to_systemd_is_written_twice() -> None:
    (start,) = unit(at_boot.text(Path("/srv/100%/$x"), "fh-control", Path("/")))["Service"]["ExecStart"]
    assert "/srv/100%%/$$x" in start


def test_it_is_enabled_and_started_and_removed_whole(tmp_path: Path) -> None:
    systemctl = Systemctl()
    at_boot.install("[Unit]\n", runner=systemctl, folder=tmp_path, booted=tmp_path)
    assert (tmp_path / at_boot.NAME).read_text() == "[Unit]\n"
    assert systemctl.asked == [
        "systemctl daemon-reload",
        "systemctl enable freehold-mesh.service",
        "systemctl start freehold-mesh.service",
    ]
    assert at_boot.remove(runner=systemctl, folder=tmp_path)
    assert systemctl.asked[3:] == ["systemctl disable --now freehold-mesh.service", "systemctl daemon-reload"]
    assert list(tmp_path.iterdir()) == []
    assert not at_boot.remove(runner=systemctl, folder=tmp_path)
    assert len(systemctl.asked) == 5


def test_without_systemd_it_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="MESH_NO_SYSTEMD"):
        at_boot.install("", runner=Systemctl(), folder=tmp_path, booted=tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_the_labs_end_is_not_for_the_boot(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.mesh.cli._in_lab", lambda _: True)
    monkeypatch.setattr("freehold.fleet.document.load", lambda _: document)
    done = CliRunner().invoke(build(), ["mesh", "up", "--at-boot", "--document", str(tmp_path / "fleet.json")])
    assert isinstance(done.exception, UsageError)
    assert done.exception.code == "MESH_LAB_AT_BOOT"
