"""All questions of a page within one limit; one that is not answered is a failure of its panel alone."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from tests.unit.report.conftest import NOW, PATIENCE_SECONDS, Pretender, http, plain, series, table, value, view

from freehold.report import gather as module
from freehold.report.answers import Failure
from freehold.report.gather import Gathered, Request, gather
from freehold.report.model import Query
from freehold.report.prometheus import Place, Prometheus
from freehold.report.span import BY_ID


def gathered(pretender: Pretender, *panels: object, node: str = "") -> Gathered:
    request = Request(BY_ID["24h"], (view(*panels),), node)  # type: ignore[arg-type]  # panels
    return gather(Prometheus(Place.parse(pretender.url)), request, NOW)


def test_every_panel_has_its_answers(pretender: Pretender) -> None:
    found = gathered(pretender)
    assert found.data == "ok"
    assert {name: (len(one.now), len(one.over)) for name, one in found.shown.items()} == {
        "figure": (1, 1), "course": (0, 1), "bands": (0, 1), "rows": (1, 0),
    }  # fmt: skip
    course = found.shown["course"].over[0]
    assert not isinstance(course, Failure)
    assert course[0].points == (7.0,) * 181


def test_placeholders_are_filled_and_a_node_is_no_pattern(pretender: Pretender) -> None:
    gathered(pretender, series(), table(), node="gpu1.rack-2")
    queries = [form["query"] for _, form in pretender.asked if "query" in form]
    assert 'c{node=~"gpu1[.]rack-2"}' in queries
    assert "rows[24h]" in queries
    assert (
        Request(BY_ID["7d"], ()).filled('m{model=~"$model", node=~"$node"}[$__range]')
        == 'm{model=~".*", node=~".*"}[7d]'
    )


def test_a_figure_of_the_whole_range_has_no_course(pretender: Pretender) -> None:
    assert gathered(pretender, value(queries=(Query("x[$__range]"),))).shown["figure"].over == ()


def test_one_bad_question_leaves_the_others(pretender: Pretender) -> None:
    def script(connection: socket.socket, path: str, form: dict[str, str]) -> None:
        if form.get("query") == "figure_now":
            connection.sendall(http(b'{"status":"error","error":"parse error"}', "400 Bad Request"))
        else:
            plain(connection, path, form)

    pretender.script = script
    found = gathered(pretender)
    assert found.data == "partial"
    assert [one.panel.id for one in found.failed] == ["figure"]


def test_a_dead_prometheus_is_asked_once(pretender: Pretender) -> None:
    def script(connection: socket.socket, _path: str, _form: dict[str, str]) -> None:
        connection.sendall(http(b"no", "500 Internal Server Error"))

    pretender.script = script
    found = gathered(pretender)
    assert len(pretender.asked) == 1
    assert found.data == "none"
    assert all(one.failures for one in found.shown.values())


def test_what_hangs_is_cut_at_the_limit_and_the_rest_is_shown(
    pretender: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WHOLE_SECONDS", 0.5)
    hold = threading.Event()

    def script(connection: socket.socket, path: str, form: dict[str, str]) -> None:
        if form.get("query") == "state":
            hold.wait(PATIENCE_SECONDS)
        plain(connection, path, form)

    pretender.script, begun = script, time.monotonic()
    found = gathered(pretender)
    took = time.monotonic() - begun
    hold.set()
    assert took < PATIENCE_SECONDS / 2
    assert [one.panel.id for one in found.failed] == ["bands"]
    assert found.shown["bands"].failures[0].kind == "slow"
    assert found.data == "partial"
