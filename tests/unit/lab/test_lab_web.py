from __future__ import annotations

import asyncio
import http.client
import itertools
import json
from pathlib import Path

import pytest
from tests.unit.lab.conftest import Recorder, World

from freehold.errors import PartialError
from freehold.lab import internet, outside, web
from freehold.lab.plan import numbered_plan
from freehold.paths import LabPaths

LAB = numbered_plan(1)


def quiet(line: str) -> None:
    del line


def test_the_bundle_is_served_on_the_management_address_alone() -> None:
    text = web.configuration(LAB, LabPaths(Path("/lab")))
    listens = [line.split()[1] for line in text.splitlines() if line.strip().startswith("listen ")]
    assert listens == ["10.83.0.1:8480;"]
    assert "root /lab/bundle;" in text
    assert "autoindex on;" in text
    assert text.count("{") == text.count("}")


def test_an_installed_nginx_is_borrowed(tmp_path: Path, recorder: Recorder) -> None:
    installed = tmp_path / "nginx"
    installed.touch()
    assert web.find_program(recorder, tmp_path / "cache", quiet, installed) == installed
    assert recorder.asked == []


def test_a_missing_nginx_is_unpacked_and_never_installed(tmp_path: Path, recorder: Recorder) -> None:
    with pytest.raises(PartialError, match="apt-get update"):  # nothing comes from the recorder
        web.find_program(recorder, tmp_path, quiet, tmp_path / "missing")
    assert {line.split()[1] for line in recorder.asked} == {"download"}
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_stays_silent_is_told_with_its_log() -> None:
    ticks = itertools.count(0, 6)
    with pytest.raises(PartialError, match=r"read /lab/error\.log"):
        web.wait_until(lambda: False, "web", Path("/lab/error.log"), clock=lambda: float(next(ticks)))


def test_a_web_server_that_is_up_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "answers", lambda _: True)
    monkeypatch.setattr(web, "find_program", lambda *_: Path("/usr/sbin/nginx"))
    assert web.raise_web(world.lab, quiet) == "http://10.83.0.1:8480"
    assert web.raise_web(world.lab, quiet) == "up to date"
    (world.lab.paths.root / "web/nginx.conf").write_text("an older one", encoding="utf-8")
    assert web.raise_web(world.lab, quiet) == "http://10.83.0.1:8480"
    assert world.launcher.started == ["freehold-lab-web"] * 2


async def test_the_internet_answers_and_remembers_who_came(tmp_path: Path) -> None:
    record = tmp_path / "visitors.jsonl"
    (server,) = await internet.serve("127.0.0.1", record, ports=(0,))
    port = server.sockets[0].getsockname()[1]

    def visit() -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/")
        return connection.getresponse().read()

    assert b"internet" in await asyncio.to_thread(visit)
    server.close()
    assert json.loads(record.read_text(encoding="utf-8")) == {"from": "127.0.0.1", "port": port}


def test_visitors_are_read_back_and_none_is_none(world: World) -> None:
    assert outside.visitors(world.lab) == []
    world.lab.paths.logs.mkdir()
    outside.record_path(world.lab).write_text('{"from": "10.84.0.1", "port": 80}\n', encoding="utf-8")
    assert outside.visitors(world.lab) == ["10.84.0.1"]


def test_a_command_of_the_outside_runs_in_its_namespace(world: World) -> None:
    outside.run(world.lab, ["curl", "-s", "http://x"])
    assert world.runner.asked == ["nsenter --net=/run/netns/fhl-outside curl -s http://x"]
