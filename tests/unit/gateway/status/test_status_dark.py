"""A report service that is dead, slow or says what is no page: the client hears which, and what to look at."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from dataclasses import replace

import pytest
from tests.unit.gateway.harness import Harness, running
from tests.unit.gateway.status.conftest import BROWSER, get, is_safe, permitted
from tests.unit.gateway.status.reporter import Reporter

from freehold.gateway.config import Limits, Report
from freehold.gateway.status import source, ways


def test_a_dead_service_is_said_with_what_to_look_at(stack: ExitStack) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()
    gateway = stack.enter_context(
        running(Limits(), changed=lambda config: replace(permitted(config), node="gpu1", report=Report(url=nobody)))
    )
    told = get(gateway, Accept=BROWSER)
    assert (told.status, told.headers["retry-after"]) == (503, "5")
    assert b"systemctl status freehold-report on gpu1" in told.body
    assert b"Serving does not need it." in told.body
    assert is_safe(told)
    assert json.loads(get(gateway, "/status.json").body)["error"]["code"] == "status_dark"
    assert gateway.count("freehold_gateway_requests_total", path="/status", status="503") == 1


def test_a_slow_service_is_not_waited_for_long(
    stack: ExitStack, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "ANSWER_SECONDS", 0.2)
    gateway = stack.enter_context(
        running(Limits(), changed=lambda config: replace(permitted(config), report=Report(url=reporter.url)))
    )
    reporter.slow = True
    told = get(gateway)
    assert told.status == 503
    assert "takes too long" in json.loads(told.body)["error"]["message"]


def test_a_page_without_end_is_none(monitor: Harness, reporter: Reporter) -> None:
    reporter.body = b"x" * ways.MOST_BYTES
    assert get(monitor, "/status?range=1h").status == 200
    reporter.body += b"x" * 300_000
    told = get(monitor, "/status?range=2h")
    assert told.status == 503
    assert "more than 2097152 bytes" in json.loads(told.body)["error"]["message"]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"", "its status: 404"),
        (500, b"oops\nTraceback", "its status: 500, oops)"),
        (503, b"too many pages are being made\n", "its status: 503, too many pages are being made)"),
        (503, b"<html>somebody else's", "its status: 503)"),
        (500, b"\xff\x00\x1b[2J", "its status: 500)"),
        (302, b"go away", "its status: 302"),
        (200, b"", "its status: 200"),
    ],
)
def test_what_is_no_page_is_not_handed_on(
    monitor: Harness, reporter: Reporter, status: int, body: bytes, words: str
) -> None:
    reporter.status, reporter.body = status, body
    told = get(monitor)
    assert told.status == 503
    assert words in json.loads(told.body)["error"]["message"]


def test_what_the_service_does_not_know_is_the_askers_to_correct(monitor: Harness, reporter: Reporter) -> None:
    reporter.status = 400
    for body, words in (
        (b"view: expected one of cost, health\n", "view: expected one of cost, health."),
        (b"", "no such range"),
    ):
        reporter.body = body
        told = get(monitor, "/status?view=nothing")
        assert told.status == 400
        assert words in json.loads(told.body)["error"]["message"]
    reporter.body = b"a <b>bold</b> word"
    assert b"a &lt;b&gt;bold&lt;/b&gt; word" in get(monitor, "/status?view=nothing", Accept=BROWSER).body
