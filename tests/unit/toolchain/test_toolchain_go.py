from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from freehold.process import Completed, ProcessError
from freehold.toolchain import building, go
from freehold.toolchain.go import GoBuildError, Program, Workshop


class Go:
    """A runner that remembers what it was asked, and writes the file that a build would."""

    def __init__(self, failure: str = "") -> None:
        self.calls: list[tuple[list[str], dict[str, Any]]] = []
        self._failure = failure

    def __call__(self, args: Sequence[Any], **options: Any) -> Completed:
        words = [str(word) for word in args]
        self.calls.append((words, options))
        if self._failure:
            raise ProcessError("PROGRAM_FAILED", "go", self._failure)
        if "--target" in words:
            program = Path(words[words.index("--target") + 1], "go", "bin", "go")
            program.parent.mkdir(parents=True)
            program.touch()
        if "-o" in words:
            Path(words[words.index("-o") + 1]).touch()
        if "list" in words:
            return Completed(tuple(words), 0, "/modules/here\n", "")
        return Completed(tuple(words), 0, "", "")


def quiet(_line: str) -> None:
    return


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "go", tmp_path / "scratch", tmp_path / "log")


def test_the_compiler_comes_by_digest_and_only_once(tmp_path: Path) -> None:
    runner = Go()
    program = go.ensure_compiler(tmp_path, runner, quiet)
    assert go.ensure_compiler(tmp_path, runner, quiet) == program
    ((words, _),) = runner.calls
    assert "--require-hashes" in words
    assert words[words.index("--requirement") + 1] == str(go.COMPILER_LOCK)


def test_a_build_can_fetch_neither_another_compiler_nor_other_modules(tmp_path: Path, workshop: Workshop) -> None:
    runner = Go()
    assert go.build(building.COMMAND, tmp_path / "bin", workshop, runner, quiet) == tmp_path / "bin" / "pulumi"
    ((words, options),) = runner.calls
    assert words[0] == str(workshop.go)
    assert options["env"]["GOTOOLCHAIN"] == "local"
    assert "-mod=readonly" in options["env"]["GOFLAGS"]
    assert any("version.Version=v3.259.0" in word for word in words)


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        ("verifying module: checksum mismatch", "do not go on"),
        ("dial tcp: lookup proxy: no such host", "must be reachable"),
        ("write: no space left on device", "free 6 GB"),
        ("undefined: x", "see the log"),
    ],
)
def test_a_failed_build_says_what_to_do(tmp_path: Path, workshop: Workshop, output: str, remedy: str) -> None:
    with pytest.raises(GoBuildError) as caught:
        go.build(building.COMMAND, tmp_path, workshop, Go(output), quiet)
    assert remedy in caught.value.fix
    assert "goes on from there" in caught.value.changed


def test_the_version_is_read_from_go_mod_and_a_missing_pin_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\nrequire (\n\texample.test/tool v1.2.3 // indirect\n)\n")
    assert Program(tmp_path, "example.test/tool/cmd", "example.test/tool").version == "1.2.3"
    with pytest.raises(GoBuildError, match="GO_MODULE_NOT_PINNED"):
        _ = Program(tmp_path, "example.test/other/cmd", "example.test/other").version


def test_the_digest_changes_with_names_contents_and_recipe(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("1")
    second.write_text("1")
    digests = {go.digest([first]), go.digest([second]), go.digest([first], "2")}
    first.write_text("2")
    assert len(digests | {go.digest([first])}) == 4


@pytest.mark.parametrize("program", [building.COMMAND, building.LANGUAGE_HOST], ids=["command", "language-host"])
def test_every_pinned_module_has_its_digest(program: Program) -> None:
    wanted = re.findall(r"^\t(\S+) (v\S+)", (program.folder / "go.mod").read_text(), re.MULTILINE)
    sums = (program.folder / "go.sum").read_text()
    assert wanted
    assert [name for name, version in wanted if f"{name} {version} h1:" not in sums] == []


def test_progress_counts_the_lines_of_this_build_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go, "REPORT_EVERY_SECONDS", 0.01)
    log, said = tmp_path / "log", []
    log.write_text("of an earlier build\n")

    def report(line: str) -> None:
        said.append(line)
        if "2 packages" in line:
            seen.set()

    import threading  # noqa: PLC0415

    seen = threading.Event()
    with go._progress(log, "pulumi", report):
        log.write_text("of an earlier build\none\ntwo\n")
        assert seen.wait(timeout=10)
    assert said[0] == "pulumi: downloading modules"


def test_scripts_are_runnable_and_an_interrupt_ends_them_quietly(tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415

    source, folder = tmp_path / "source", tmp_path / "bin"
    folder.mkdir()
    for script in building.SCRIPTS:
        (source / script).parent.mkdir(parents=True, exist_ok=True)
        (source / script).write_text("import sys\nif sys.argv[1:]: raise KeyboardInterrupt\nprint('ran')\n")
    building.install_scripts(source, folder)
    start = folder / "pulumi-language-python-exec"
    assert subprocess.run([start], capture_output=True, text=True, check=True).stdout == "ran\n"
    interrupted = subprocess.run([start, "now"], capture_output=True, text=True, check=False)
    assert (interrupted.returncode, interrupted.stderr) == (32, "")
    assert {path.name for path in folder.iterdir()} == {*building.SCRIPTS.values(), start.name}
    assert all(path.stat().st_mode & 0o111 for path in folder.iterdir())


class TestEnsureBuilt:
    @pytest.fixture(autouse=True)
    def _source(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(building, "module_folder", lambda *_: tmp_path / "module")
        for script in building.SCRIPTS:
            (tmp_path / "module" / script).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "module" / script).write_text("")

    def test_the_second_call_runs_nothing(self, tmp_path: Path) -> None:
        runner = Go()
        folder = building.ensure_built(tmp_path / "cache", runner, quiet)
        assert (folder / "pulumi").exists()
        assert (folder / "pulumi-language-python").exists()
        before = len(runner.calls)
        assert building.ensure_built(tmp_path / "cache", runner, quiet) == folder
        assert len(runner.calls) == before

    def test_a_failed_build_leaves_nothing_that_looks_finished(self, tmp_path: Path) -> None:
        with pytest.raises(ProcessError):
            building.ensure_built(tmp_path / "cache", Go("undefined: x"), quiet)
        assert building.ensure_built(tmp_path / "cache", Go(), quiet).is_dir()

    def test_a_full_disk_is_refused_before_anything_is_downloaded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(building, "FREE_BYTES_NEEDED", 10**18)
        runner = Go()
        with pytest.raises(Exception, match="DISK_TOO_SMALL") as caught:
            building.ensure_built(tmp_path / "cache", runner, quiet)
        assert "FREEHOLD_CACHE" in str(caught.value)
        assert runner.calls == []
