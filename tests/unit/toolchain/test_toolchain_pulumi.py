from __future__ import annotations

from pathlib import Path

import pytest

from freehold.errors import RefusedError
from freehold.process import run
from freehold.toolchain import Toolchain, building, ensure_pulumi
from freehold.toolchain.lock import inputs, lock


def quiet(_line: str) -> None:
    return


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine with an official Pulumi on PATH."""
    program(tmp_path / "path" / "pulumi-language-python", "true")
    program(tmp_path / "path" / "pulumi", "echo v3.260.1")
    return {"HOME": str(tmp_path / "user"), "PATH": str(tmp_path / "path")}


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a build would leave."""
    monkeypatch.setattr(building, "ensure_built", lambda *_: tmp_path / "built")
    return tmp_path / "built"


def ensure(tmp_path: Path, environ: dict[str, str]) -> Toolchain:
    return ensure_pulumi(
        quiet, run, home=tmp_path / "home", cache=tmp_path / "cache", venv=tmp_path / "venv", environ=environ
    )


def test_an_official_one_is_used_and_said(tmp_path: Path, environ: dict[str, str]) -> None:
    toolchain = ensure(tmp_path, environ)
    assert (toolchain.pulumi, toolchain.version, toolchain.built) == (tmp_path / "path/pulumi", "3.260.1", False)
    assert toolchain.describe().startswith(f"pulumi 3.260.1 official, {tmp_path}/path/pulumi; plugin command 1.2.1: ")


def test_without_one_the_pinned_one_is_built_and_said(tmp_path: Path, environ: dict[str, str], built: Path) -> None:
    toolchain = ensure(tmp_path, {**environ, "PATH": ""})
    assert (toolchain.pulumi, toolchain.built) == (built / "pulumi", True)
    assert toolchain.describe() == (
        "pulumi 3.259.0 built from Go modules; plugin command 1.2.1: Freehold's stand-in, official binary not at hand"
    )


@pytest.mark.usefixtures("built")
def test_one_that_cannot_be_used_is_noted_with_the_reason(tmp_path: Path, environ: dict[str, str]) -> None:
    program(tmp_path / "path" / "pulumi", "echo v3.100.0")
    toolchain = ensure(tmp_path, environ)
    assert toolchain.built
    assert toolchain.notes() == [f"not used: {tmp_path}/path/pulumi: version v3.100.0 is older than 3.200"]


@pytest.mark.usefixtures("built")
def test_the_build_can_be_asked_for(tmp_path: Path, environ: dict[str, str]) -> None:
    assert ensure(tmp_path, {**environ, "FREEHOLD_PULUMI": "built"}).built


def test_a_named_one_is_used_or_refused_but_never_passed_over(tmp_path: Path, environ: dict[str, str]) -> None:
    named = program(tmp_path / "named" / "pulumi", "echo v3.300.0")
    assert ensure(tmp_path, {**environ, "FREEHOLD_PULUMI": str(named)}).version == "3.300.0"
    with pytest.raises(RefusedError, match="PULUMI_UNUSABLE") as caught:
        ensure(tmp_path, {**environ, "FREEHOLD_PULUMI": str(tmp_path / "none")})
    assert "unset FREEHOLD_PULUMI" in caught.value.fix


class TestEnvironment:
    @pytest.fixture
    def toolchain(self, tmp_path: Path, environ: dict[str, str]) -> Toolchain:
        return ensure(tmp_path, environ)

    def test_it_is_isolated_and_needs_no_account(self, toolchain: Toolchain, tmp_path: Path) -> None:
        settings = toolchain.environment(
            backend=tmp_path / "state", passphrase_file=tmp_path / "pass", environ={"PATH": "/usr/bin"}
        )
        assert settings["PATH"] == f"{tmp_path}/venv/bin:{tmp_path}/path:/usr/bin"
        assert settings["PULUMI_HOME"] == str(tmp_path / "home")
        assert settings["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/state"
        assert settings["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(tmp_path / "pass")
        assert settings["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
        assert settings["PULUMI_SKIP_UPDATE_CHECK"] == "true"
        assert settings["PULUMI_ACCESS_TOKEN"] == ""

    def test_a_passphrase_in_the_shell_would_win_and_is_refused(self, toolchain: Toolchain, tmp_path: Path) -> None:
        with pytest.raises(RefusedError, match="PASSPHRASE_SHADOWED") as caught:
            toolchain.environment(
                backend=tmp_path, passphrase_file=tmp_path / "pass", environ={"PULUMI_CONFIG_PASSPHRASE": ""}
            )
        assert "unset PULUMI_CONFIG_PASSPHRASE" in caught.value.fix


def test_lock_resolves_every_list_and_control_before_dev(tmp_path: Path) -> None:
    for name in ("dev.in", "control.in", "node/agent.in"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in inputs(tmp_path)] == ["control.in", "dev.in", "agent.in"]
    calls: list[list[str]] = []

    def runner(args: object, **_options: object) -> None:
        assert isinstance(args, list)
        calls.append(args)

    written = lock(tmp_path, runner, {})  # type: ignore[arg-type]
    assert [path.name for path in written] == ["control.txt", "dev.txt", "agent.txt"]
    assert all("--generate-hashes" in words and "--upgrade" not in words for words in calls)
    lock(tmp_path, runner, {"UPGRADE": "1"})  # type: ignore[arg-type]
    assert "--upgrade" in calls[-1]
