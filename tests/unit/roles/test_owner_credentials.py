"""The module of role credentials: files for root alone, no others, and the units that hold something else."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from freehold.paths import PROJECT

WANTED = {"provider": "one secret", "mail": "another\nwith two lines"}


@pytest.fixture(scope="module")
def module() -> Any:
    path = PROJECT / "roles/credentials/library/owner_credentials.py"
    spec = importlib.util.spec_from_file_location("owner_credentials", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["owner_credentials"] = loaded  # dataclasses look their module up by name
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def running(tmp_path: Path) -> Path:
    """What systemd would keep of three units: one with today's value, one with yesterday's, one with none of ours."""
    for unit, held in (("new", WANTED["provider"]), ("old", "yesterday's"), ("other", None)):
        (tmp_path / "run" / f"{unit}.service").mkdir(parents=True)
        name = "internal-key" if held is None else "provider"
        (tmp_path / "run" / f"{unit}.service" / name).write_text(held or "born here")
    return tmp_path / "run"


def test_they_are_laid_down_once(module: Any, tmp_path: Path, running: Path) -> None:
    folder = module.Folder(tmp_path / "owner")
    first = module.sync(folder, WANTED, looks_only=False, running=running)
    assert (first["changed"], first["written"]) == (True, ["mail", "provider"])
    assert {path.name: path.read_text() for path in folder.path.iterdir()} == WANTED
    assert {path.stat().st_mode & 0o777 for path in folder.path.iterdir()} == {0o600}
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert module.sync(folder, WANTED, looks_only=False, running=running)["changed"] is False


def test_what_is_given_no_more_goes_and_so_does_a_draft(module: Any, tmp_path: Path, running: Path) -> None:
    folder = module.Folder(tmp_path / "owner")
    module.sync(folder, WANTED, looks_only=False, running=running)
    (folder.path / "provider.new").write_text("cut off")
    told = module.sync(folder, {"mail": WANTED["mail"]}, looks_only=False, running=running)
    assert told["removed"] == ["provider", "provider.new"]
    assert [path.name for path in folder.path.iterdir()] == ["mail"]


def test_units_that_hold_another_value_are_named(module: Any, tmp_path: Path, running: Path) -> None:
    told = module.sync(module.Folder(tmp_path / "owner"), WANTED, looks_only=False, running=running)
    assert told["stale"] == ["old.service"]


def test_a_dry_run_only_looks(module: Any, tmp_path: Path, running: Path) -> None:
    told = module.sync(module.Folder(tmp_path / "owner"), WANTED, looks_only=True, running=running)
    assert (told["changed"], told["stale"]) == (True, [])
    assert not (tmp_path / "owner").exists()


def test_no_value_is_returned(module: Any, tmp_path: Path, running: Path) -> None:
    told = module.sync(module.Folder(tmp_path / "owner"), WANTED, looks_only=False, running=running)
    assert not [secret for secret in WANTED.values() if secret in str(told)]
