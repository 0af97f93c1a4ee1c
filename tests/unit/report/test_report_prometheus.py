"""Prometheus dead, slow, full, chatty or mad: each time there is an answer, and it says so."""

from __future__ import annotations

import json
import math
import socket
import threading
import time

import pytest
from tests.ports import free_port
from tests.unit.report.conftest import NOW, PATIENCE_SECONDS, Pretender, http, matrix, success, vector

from freehold.errors import UsageError
from freehold.report import answers
from freehold.report.answers import Failure, Sample
from freehold.report.prometheus import Place, Prometheus
from freehold.report.span import BY_ID, Span

SPAN = Span.of(BY_ID["1h"], NOW)
SHORT = 0.2


def asked(pretender: Pretender, seconds: float = PATIENCE_SECONDS, most: int = 10_000) -> tuple[Sample, ...] | Failure:
    return Prometheus(Place.parse(pretender.url), most_bytes=most).now("x", NOW, seconds)


def kind(answer: object) -> str:
    assert isinstance(answer, Failure), answer
    assert answer.text
    return answer.kind


def says(pretender: Pretender, content: bytes) -> None:
    pretender.script = lambda connection, _path, _form: connection.sendall(content)


def test_values_come_with_their_labels(pretender: Pretender) -> None:
    says(pretender, success(vector(({"node": "gpu1"}, 1.5), ({"node": "gpu2"}, "NaN"), ({}, "+Inf"))))
    found = asked(pretender)
    assert not isinstance(found, Failure)
    first, second, third = found
    assert (first.labels, first.value) == ({"node": "gpu1"}, 1.5)
    assert math.isnan(second.value)
    assert third.value == float("inf")


def test_a_scalar_is_a_sample_without_labels(pretender: Pretender) -> None:
    says(pretender, success({"resultType": "scalar", "result": [NOW, "3"]}))
    assert asked(pretender) == (answers.Sample({}, 3.0),)


def test_a_course_has_a_value_for_each_moment_and_gaps_where_there_is_none(pretender: Pretender) -> None:
    def script(connection: socket.socket, _path: str, form: dict[str, str]) -> None:
        middle = NOW - 1800

        def course(at: float) -> float | str | None:
            return (
                "NaN"
                if at == NOW
                else 1e308
                if at == float(form["start"])
                else None
                if abs(at - middle) < 60
                else at - NOW
            )

        connection.sendall(success(matrix(form, ({"node": "gpu1"}, course))))

    pretender.script = script
    found = Prometheus(Place.parse(pretender.url)).over("x", SPAN, PATIENCE_SECONDS)
    assert not isinstance(found, Failure)
    (track,) = found
    assert len(track.points) == SPAN.points
    assert track.points[0] is None
    assert track.last is None
    assert track.points[90] is None
    assert track.points[1] == SPAN.moment(1) - NOW


def test_alerts_come_with_their_words(pretender: Pretender) -> None:
    alert = {"labels": {"alertname": "A", "severity": "critical"}, "annotations": {"summary": "S"}, "state": "firing"}
    says(pretender, success({"alerts": [{**alert, "activeAt": "2026-11-22T00:00:00Z", "value": "1"}]}))
    alerts = Prometheus(Place.parse(pretender.url)).alerts(PATIENCE_SECONDS)
    assert not isinstance(alerts, Failure)
    (found,) = alerts
    assert (found.name, found.severity, found.state) == ("A", "critical", "firing")


def test_nobody_listens() -> None:
    answer = Prometheus(Place.parse(f"http://127.0.0.1:{free_port()}")).now("x", NOW, PATIENCE_SECONDS)
    assert kind(answer) == "unreachable"


def test_it_hangs(pretender: Pretender) -> None:
    hold = threading.Event()

    def script(*_: object) -> None:
        hold.wait(PATIENCE_SECONDS)

    pretender.script = script
    assert kind(asked(pretender, SHORT)) == "slow"
    hold.set()


def test_it_drips(pretender: Pretender) -> None:
    """Each byte is in time, all together are not."""
    stop = threading.Event()

    def script(connection: socket.socket, _path: str, _form: dict[str, str]) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not stop.wait(0.01):
            connection.sendall(b" ")

    pretender.script = script
    begun = time.monotonic()
    assert kind(asked(pretender, SHORT)) == "slow"
    stop.set()
    assert time.monotonic() - begun < PATIENCE_SECONDS / 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe garbage \r\n\r\n",
        http(b""),
        http(b"not json"),
        http(b"[]"),
        http(b'"success"'),
        http(b'{"status": "error"}'),
        http(b'{"status": "success"}'),
        http(b'{"status": "success", "data": null}'),
        success({"resultType": "matrix", "result": []}),
        success({"resultType": "vector", "result": [{"metric": {}}]}),
        success({"resultType": "vector", "result": [{"metric": {}, "value": [0, "one"]}]}),
        success({"resultType": "vector", "result": [{"metric": [], "value": [0, "1"]}]}),
        success({"resultType": "vector", "result": {"metric": {}}}),
        http(b"[" * 9000),
        http(b'{"status": "success", "data"', length=500),
        http(b"\xff\xff\xff"),
    ],
    ids=lambda content: repr(content[-40:]),
)
def test_garbage_is_called_garbage(pretender: Pretender, content: bytes) -> None:
    says(pretender, content)
    assert kind(asked(pretender)) in {"garbage", "unreachable"}


def test_an_answer_without_end_is_cut(pretender: Pretender) -> None:
    says(pretender, http(b" " * 50_000))
    assert kind(asked(pretender)) == "too_big"


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        ("400 Bad Request", "parse error: unexpected end", "refused"),
        ("422 Unprocessable Entity", "found duplicate series", "refused"),
        ("503 Service Unavailable", "query timed out in expression evaluation", "slow"),
        ("500 Internal Server Error", "no space left on device", "refused"),
    ],
)
def test_a_refusal_is_told_in_prometheus_own_words(
    pretender: Pretender, status: str, error: str, expected: str
) -> None:
    says(pretender, http(json.dumps({"status": "error", "error": error}).encode(), status))
    answer = asked(pretender)
    assert kind(answer) == expected
    assert expected == "slow" or error in str(answer)


def test_an_error_page_that_is_no_json_is_a_refusal(pretender: Pretender) -> None:
    says(pretender, http(b"<html>oops", "502 Bad Gateway"))
    assert "502" in str(asked(pretender))


def test_cutting_ends_those_who_wait_and_those_who_come_later(pretender: Pretender) -> None:
    arrived, hold = threading.Event(), threading.Event()

    def script(*_: object) -> None:
        arrived.set()
        hold.wait(PATIENCE_SECONDS)

    pretender.script = script
    prometheus, found = Prometheus(Place.parse(pretender.url)), list[object]()
    waiting = threading.Thread(target=lambda: found.append(prometheus.now("x", NOW, PATIENCE_SECONDS)))
    waiting.start()
    assert arrived.wait(PATIENCE_SECONDS)
    prometheus.cut()
    waiting.join(PATIENCE_SECONDS / 2)
    hold.set()
    assert found == [answers.SLOW]
    assert prometheus.now("x", NOW, PATIENCE_SECONDS) == answers.SLOW


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:9090",
        "http://192.0.2.1:9090",
        "http://example.org",
        "127.0.0.1:9090",
        "http://127.0.0.1:x",
        "http://127.0.0.1:1?x=1",
    ],
)
def test_only_this_machine_is_asked(url: str) -> None:
    with pytest.raises(UsageError, match="REPORT_PROMETHEUS"):
        Place.parse(url)


def test_a_prefix_in_the_address_is_kept() -> None:
    assert Place.parse("http://[::1]:9091/prometheus/") == Place("::1", 9091, "/prometheus")
