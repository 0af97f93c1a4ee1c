from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from freehold.process import run
from freehold.toolchain import official, plugin
from freehold.toolchain.official import Command

VERSION = "1.2.1"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def pulumi(folder: Path, says: str = "echo v3.259.0", *, host: bool = True) -> Path:
    if host:
        program(folder / "pulumi-language-python", "true")
    return program(folder / "pulumi", says)


def find(*folders: Path, ours: Path = Path("/nonexistent")) -> tuple[Command | None, list[str]]:
    found, refused = official.find_command(":".join(map(str, folders)), run, ours=ours)
    return found, [one.reason for one in refused]


def test_a_recent_release_with_its_language_host_is_taken(tmp_path: Path) -> None:
    assert find(tmp_path, pulumi(tmp_path / "bin").parent) == (Command(tmp_path / "bin" / "pulumi", "3.259.0"), [])


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("echo v3.199.9", "older than 3.200"),
        ("echo v3.259.0-dev.0", "which is no release"),
        ("echo hello", "which is no release"),
        ("echo 'cannot download' >&2; exit 1", "does not work"),
    ],
)
def test_one_that_is_old_or_broken_is_passed_over_with_the_reason(tmp_path: Path, says: str, reason: str) -> None:
    pulumi(tmp_path / "bad", says)
    good = pulumi(tmp_path / "good")
    found, reasons = find(tmp_path / "bad", tmp_path / "good")
    assert found == Command(good, "3.259.0")
    assert len(reasons) == 1
    assert reason in reasons[0]


def test_one_without_a_language_host_is_passed_over(tmp_path: Path) -> None:
    pulumi(tmp_path, host=False)
    found, reasons = find(tmp_path)
    assert found is None
    assert "pulumi-language-python" in reasons[0]


def test_the_oldest_usable_one_is_usable(tmp_path: Path) -> None:
    pulumi(tmp_path, "echo v3.200.0")
    assert find(tmp_path)[0]


def test_our_own_build_is_not_taken_for_an_official_one(tmp_path: Path) -> None:
    pulumi(tmp_path / "cache" / "bin")
    assert find(tmp_path / "cache" / "bin", ours=tmp_path / "cache") == (None, [])


class TestPlugin:
    @pytest.fixture
    def environ(self, tmp_path: Path) -> dict[str, str]:
        return {"HOME": str(tmp_path / "user"), "PATH": str(tmp_path / "path")}

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        return tmp_path / "home"

    @pytest.fixture
    def installed(self, home: Path) -> Path:
        return home / "plugins" / "resource-command-v1.2.1" / "pulumi-resource-command"

    def users(self, environ: Mapping[str, str]) -> Path:
        return Path(environ["HOME"], ".pulumi/plugins/resource-command-v1.2.1/pulumi-resource-command")

    def ensure(self, home: Path, environ: Mapping[str, str], says: str = "v1.2.1") -> plugin.Plugin:
        return plugin.ensure_plugin(home, Path("/venv/bin/python"), environ, probe=lambda _path: says)

    def test_without_an_official_one_the_stand_in_is_installed_and_said(
        self, home: Path, installed: Path, environ: dict[str, str]
    ) -> None:
        found = self.ensure(home, environ)
        assert (found.official, found.path) == (False, installed)
        assert "exec /venv/bin/python -P -m freehold.pulumi_command" in installed.read_text()
        assert installed.stat().st_mode & 0o111
        assert "official binary not at hand" in found.describe()

    def test_the_users_official_one_is_copied_and_left_as_it_is(
        self, home: Path, installed: Path, environ: dict[str, str]
    ) -> None:
        self.ensure(home, environ)  # a stand-in from an earlier day gives way
        users = program(self.users(environ), "echo official")
        found = self.ensure(home, environ)
        assert (found.official, found.source) == (True, users)
        assert installed.read_text() == users.read_text() == "#!/bin/sh\necho official\n"
        assert str(users) in found.describe()

    def test_one_in_the_users_pulumi_home_and_one_on_path_are_found(self, home: Path, environ: dict[str, str]) -> None:
        on_path = program(Path(environ["PATH"], "pulumi-resource-command"), "true")
        assert self.ensure(home, environ).source == on_path
        environ["PULUMI_HOME"] = environ["HOME"] + "/elsewhere"
        in_home = Path(environ["PULUMI_HOME"], "plugins/resource-command-v1.2.1/pulumi-resource-command")
        program(in_home, "true")
        assert official.plugin_candidates(VERSION, environ) == [in_home, on_path]

    def test_an_official_one_in_our_home_is_never_overwritten(
        self, home: Path, installed: Path, environ: dict[str, str]
    ) -> None:
        program(installed, "echo put here by hand")
        program(self.users(environ), "echo another")
        assert self.ensure(home, environ).official
        assert "put here by hand" in installed.read_text()

    @pytest.mark.parametrize("says", ["v1.2.0", "1.3.0", ""])
    def test_one_of_another_version_is_passed_over_with_the_reason(
        self, home: Path, environ: dict[str, str], says: str
    ) -> None:
        program(self.users(environ), "true")
        found = self.ensure(home, environ, says)
        assert not found.official
        assert f"it is version {says}" in found.refused[0].reason

    def test_one_that_is_no_plugin_is_passed_over_with_the_reason(self, home: Path, environ: dict[str, str]) -> None:
        program(self.users(environ), "echo hello")
        found = plugin.ensure_plugin(home, Path("/venv/bin/python"), environ)  # really asked
        assert not found.official
        assert "does not answer as a plugin" in found.refused[0].reason

    def test_a_stand_in_elsewhere_is_not_taken_for_an_official_one(self, home: Path, environ: dict[str, str]) -> None:
        program(self.users(environ), "exec python -m freehold.pulumi_command")
        found = self.ensure(home, environ)
        assert not found.official
        assert found.refused == ()

    def test_the_stand_in_can_be_asked_for(self, home: Path, environ: dict[str, str]) -> None:
        program(self.users(environ), "true")
        assert not self.ensure(home, {**environ, "FREEHOLD_PULUMI_COMMAND": "stand-in"}).official

    def test_a_moved_virtual_environment_renews_the_stand_in(
        self, home: Path, installed: Path, environ: dict[str, str]
    ) -> None:
        self.ensure(home, environ)
        plugin.ensure_plugin(home, Path("/new place/bin/python"), environ, probe=lambda _path: "")
        assert "exec '/new place/bin/python' -P -m" in installed.read_text()


def test_the_stand_in_answers_the_question_for_its_version(tmp_path: Path) -> None:
    """The real question over the real protocol, put to the real program."""
    import sys  # noqa: PLC0415

    stand_in = plugin.ensure_plugin(tmp_path, Path(sys.executable), {"HOME": str(tmp_path), "PATH": ""})
    assert official.ask_plugin_version(stand_in.path) == VERSION
