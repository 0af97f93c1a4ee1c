"""The commands say in JSON what they found, and end with the exit codes of the error tree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests import command

from freehold.bundle import cli as bundle_cli

if TYPE_CHECKING:
    from tests.unit.bundle.conftest import Site


@pytest.fixture
def site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("FREEHOLD_LAB", str(site.root))
    monkeypatch.setattr(bundle_cli, "default_parts", lambda *_, **__: tuple(site.parts.values()))
    return site


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    return command.typed(monkeypatch, "bundle", *words), capsys.readouterr().out


def test_build_verify_and_show(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    planned = json.loads(run(monkeypatch, capsys, "build", "--dry-run", "--json")[1])
    assert planned["changed"]
    assert not site.folder.exists()
    built = [json.loads(run(monkeypatch, capsys, "build", "--json")[1]) for _ in range(2)]
    assert [one["changed"] for one in built] == [True, False]
    assert json.loads(run(monkeypatch, capsys, "build", "--dry-run", "--json")[1]) == {"changed": False, "rebuild": {}}
    verified = json.loads(run(monkeypatch, capsys, "verify", "--json")[1])
    assert verified["manifest_sha256"] == built[0]["manifest_sha256"]
    assert json.loads(run(monkeypatch, capsys, "show", "--json")[1])["serial"] == 1


def test_an_altered_file_ends_with_the_exit_code_of_integrity(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, capsys, "build")
    (site.folder / "requirements/agent.txt").write_text("evil==1\n")
    code, out = run(monkeypatch, capsys, "verify", "--json")
    assert code == 4
    assert [error["subject"] for error in json.loads(out)["errors"]] == ["requirements/agent.txt"]


def test_an_older_bundle_is_refused_without_the_flag(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del site
    run(monkeypatch, capsys, "build")
    assert run(monkeypatch, capsys, "verify", "--installed-serial", "2")[0] == 3
    assert run(monkeypatch, capsys, "verify", "--installed-serial", "2", "--allow-older")[0] == 0


def test_the_key_in_the_bundle_is_not_taken_for_the_trusted_one(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, capsys, "build")
    site.keys.public_file.unlink()
    assert run(monkeypatch, capsys, "verify")[0] == 2
    assert run(monkeypatch, capsys, "verify", "--key", str(site.folder / "key.asc"))[0] == 0
