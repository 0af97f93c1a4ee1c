"""The page as a file: from the service here, or over SSH from the first monitor that has data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.ports import free_port
from tests.unit.report.conftest import Pretender
from tests.unit.report.test_report_web import served
from typer.testing import CliRunner

from freehold.cli import build
from freehold.errors import FreeholdErrors, RefusedError, UnknownStateError, UsageError
from freehold.process import Completed, ProcessError
from freehold.report import fetch
from freehold.report.fetch import Wanted, from_fleet, from_service
from freehold.report.web import StatusServer

PAGE = "<!DOCTYPE html>\n<html></html>\n"
WANTED = Wanted.of("7d", "", "", as_json=False)

__all__ = ["served"]


class Runner:
    """Answers as the monitors would; keeps what it was asked."""

    def __init__(self, *answers: Completed | Exception) -> None:
        self.answers, self.asked = list(answers), list[Sequence[str]]()

    def __call__(self, args: Sequence[Any], **_: Any) -> Completed:
        self.asked.append([str(arg) for arg in args])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def said(code: int, stdout: str = PAGE, stderr: str = "") -> Completed:
    return Completed(("ssh",), code, stdout, stderr)


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    host = {"address": "192.0.2.11", "port": 22, "maintenance": False}
    hosts = [{**host, "name": name} for name in ("gpu1", "gpu2", "gpu3")]
    hosts.append({**host, "name": "gpu4", "maintenance": True})
    fleet = {"hosts": hosts, "monitor": ["gpu1", "gpu2", "gpu4"]}
    monkeypatch.setattr("freehold.status.gather.load_document", lambda _: fleet)
    return tmp_path / "fleet.json"


def fetched(document: Path, runner: Runner, wanted: Wanted = WANTED) -> fetch.Fetched:
    return from_fleet(document, Path("/keys/operator"), None, wanted, runner)


def test_the_first_monitor_is_asked_with_its_pinned_key(document: Path) -> None:
    runner = Runner(said(0))
    found = fetched(document, runner)
    assert (found.text, found.data, found.source) == (PAGE, "ok", "gpu1")
    (words,) = runner.asked
    assert f"UserKnownHostsFile={document.parent / 'known_hosts'}" in words
    assert "StrictHostKeyChecking=yes" in words
    assert words[-1] == "/opt/freehold/venvs/agent/bin/freehold report --local --html - --range 7d"


def test_the_next_monitor_is_asked_where_the_first_is_silent_or_knows_nothing(document: Path) -> None:
    for first in (said(255, "", "no route to host"), said(7), ProcessError("PROGRAM_TIMEOUT", "ssh", "no end")):
        assert fetched(document, Runner(first, said(5))).source == "gpu2"


def test_a_monitor_that_knows_nothing_is_better_than_none(document: Path) -> None:
    found = fetched(document, Runner(said(7), said(255, "", "refused")))
    assert (found.data, found.source) == ("none", "gpu1")


def test_when_nobody_answers_all_reasons_are_told_and_none_in_maintenance_was_asked(document: Path) -> None:
    runner = Runner(said(255, "", "no route to host"), said(0, "MOTD\n" + PAGE))
    with pytest.raises(FreeholdErrors) as raised:
        fetched(document, runner)
    assert raised.value.exit_code == 7
    assert [error.subject for error in raised.value.errors] == ["gpu1", "gpu2"]
    assert "no route to host" in str(raised.value)


def test_a_fleet_without_a_monitor_says_so(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.status.gather.load_document", lambda _: {"hosts": [], "monitor": []})
    with pytest.raises(UnknownStateError, match="REPORT_MONITOR"):
        fetched(document, Runner())


def test_names_are_quoted_for_the_monitors_shell(document: Path) -> None:
    runner = Runner(said(0, "{}"))
    fetched(document, runner, Wanted("24h", "", "a; reboot", as_json=True))
    assert runner.asked[0][-1].endswith("report --local --json --range 24h --node 'a; reboot'")


@pytest.mark.parametrize("given", [("2h", "", ""), ("24h", "money", ""), ("24h", "", "a; reboot")])
def test_what_the_service_would_refuse_is_refused_here(given: tuple[str, str, str]) -> None:
    with pytest.raises(UsageError, match="REPORT_ASKED"):
        Wanted.of(*given, as_json=False)


def test_the_file_is_whole_or_not_there_and_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    fetch.write(file, PAGE)
    assert file.read_text(encoding="utf-8") == PAGE
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(RefusedError, match="REPORT_FILE"):
        fetch.write(tmp_path / "no" / "page.html", PAGE)
    with pytest.raises(UnicodeEncodeError):
        fetch.write(file, "\ud800")
    assert file.read_text(encoding="utf-8") == PAGE
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


@pytest.fixture
def run(served: StatusServer) -> Callable[..., Any]:
    runner, listen = CliRunner(), f"127.0.0.1:{served.server_address[1]}"
    return lambda *words: runner.invoke(build(), ["report", "--local", "--service", listen, *words])


def test_the_command_writes_the_page_and_says_where(run: Callable[..., Any], tmp_path: Path) -> None:
    done = run("--html", str(tmp_path / "page.html"), "--view", "cost")
    assert done.exit_code == 0, done.output
    assert f"{tmp_path}/page.html: " in done.output
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_command_prints_the_page_or_its_data(run: Callable[..., Any]) -> None:
    assert run("--html", "-").output.startswith("<!DOCTYPE html>")
    assert json.loads(run("--json").output)["fleet"] == "lab"


def test_a_page_without_data_is_written_and_is_no_success(
    run: Callable[..., Any], pretender: Pretender, tmp_path: Path
) -> None:
    pretender.script = lambda connection, _path, _form: connection.sendall(b"")
    done = run("--html", str(tmp_path / "page.html"))
    assert isinstance(done.exception, UnknownStateError)
    assert (tmp_path / "page.html").is_file()
    assert run("--json").exit_code == UnknownStateError.exit_code


@pytest.mark.parametrize("words", [(), ("--json", "--html", "x"), ("--json", "--open"), ("--html", "-", "--open")])
def test_a_command_line_that_is_not_clear_is_refused(run: Callable[..., Any], words: tuple[str, ...]) -> None:
    assert isinstance(run(*words).exception, UsageError)


def test_a_service_that_is_not_there_is_named(served: StatusServer) -> None:
    with pytest.raises(UnknownStateError, match="REPORT_SERVICE"):
        from_service(f"127.0.0.1:{free_port()}", WANTED)
    with pytest.raises(UnknownStateError, match="status 400"):
        from_service(f"127.0.0.1:{served.server_address[1]}", Wanted("2h", "", "", as_json=False))
