"""Who may see the status page, how a browser shows its key, and that nothing but a page comes through."""

from __future__ import annotations

import base64
import http.client
import json
import threading

import pytest
from tests.unit.gateway.asking import GOOD, PATH, read_all
from tests.unit.gateway.harness import CLIENT_KEY, OTHER_KEY, Harness, eventually
from tests.unit.gateway.status.conftest import BROWSER, Told, get, is_safe
from tests.unit.gateway.status.reporter import PAGE, Reporter

from freehold.gateway.status import source


def basic(key: str, user: str = "anybody") -> str:
    return "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()


class Count:
    """How many requests of a kind came since."""

    def __init__(self, gateway: Harness, **labels: str) -> None:
        self.gateway, self.labels = gateway, labels
        self.before = self._now

    @property
    def _now(self) -> float:
        return self.gateway.count("freehold_gateway_requests_total", **self.labels)

    @property
    def grown(self) -> float:
        return self._now - self.before


def test_a_permitted_key_sees_the_page_and_its_twin(monitor: Harness, reporter: Reporter) -> None:
    counts = [Count(monitor, path=path, key="operator", status="200") for path in ("/status", "/status.json")]
    told = get(monitor, "/status?view=cost&range=24h&node=gpu1")
    assert (told.status, told.body) == (200, PAGE)
    assert told.headers["content-type"] == "text/html; charset=utf-8"
    assert is_safe(told)
    assert "set-cookie" not in told.headers
    reporter.body = b'{"data": "ok"}'
    twin = get(monitor, "/status.json")
    assert (twin.status, twin.body, twin.headers["content-type"]) == (200, reporter.body, "application/json")
    assert is_safe(twin)
    assert reporter.seen == ["/status?node=gpu1&range=24h&view=cost", "/status.json"]
    assert not any(CLIENT_KEY in head for head in reporter.heads), "the service has no business with keys"
    assert [count.grown for count in counts] == [1, 1]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": basic(CLIENT_KEY)},
        {"Authorization": basic(CLIENT_KEY, "")},
        {"Authorization": basic(CLIENT_KEY).replace("Basic", "bAsIc")},
        {"x_api_key": CLIENT_KEY},
    ],
)
def test_a_browser_shows_the_key_as_its_password(monitor: Harness, headers: dict[str, str]) -> None:
    assert get(monitor, key=None, **headers).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(CLIENT_KEY.encode()).decode(),
        basic("fh-" + "x" * 43),
        basic(CLIENT_KEY) + ", Bearer " + CLIENT_KEY,
        "Basic " + base64.b64encode(b"\xff\xfe:\x00").decode(),
    ],
)
def test_without_a_key_a_browser_is_asked_for_one(monitor: Harness, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    told = get(monitor, key=None, Accept=BROWSER, **headers)
    assert told.status == 401
    assert told.headers["www-authenticate"] == 'Basic realm="Freehold status", charset="UTF-8"'
    assert told.headers["content-type"] == "text/html; charset=utf-8"
    assert b"In a browser the key is the password" in told.body
    assert is_safe(told)
    plain = get(monitor, key=None, **headers)
    assert json.loads(plain.body)["error"]["code"] == "invalid_api_key"
    assert plain.headers["www-authenticate"] == told.headers["www-authenticate"]
    assert is_safe(plain)


def test_basic_is_no_way_in_anywhere_else(monitor: Harness) -> None:
    told = get(monitor, "/v1/models", key=None, Authorization=basic(CLIENT_KEY))
    assert (told.status, told.headers["www-authenticate"]) == (401, "Bearer")
    assert get(monitor, "/v1/models").status == 200


def test_a_key_sees_it_only_if_it_may(monitor: Harness, reporter: Reporter) -> None:
    count = Count(monitor, path="/status", key="other", status="403")
    told = get(monitor, key=OTHER_KEY, Accept=BROWSER)
    assert told.status == 403
    assert b"<h1>Not for this key</h1>" in told.body
    assert b"freehold gateway key limit NAME --status" in told.body
    assert is_safe(told)
    error = json.loads(get(monitor, "/status.json", key=OTHER_KEY, Accept=BROWSER).body)["error"]
    assert error["code"] == "status_not_allowed"
    assert reporter.seen == [], "nobody is asked for who may not see it"
    assert count.grown == 1
    assert monitor.count("freehold_gateway_refusals_total", reason="status_not_allowed") >= 2


def test_where_no_report_is_named_there_is_no_such_path(gateway: Harness, monitor: Harness) -> None:
    told = get(gateway)
    assert (told.status, json.loads(told.body)["error"]["code"]) == (404, "unknown_url")
    assert "/status" not in json.loads(told.body)["error"]["message"]
    assert "GET /status" in json.loads(get(monitor, "/nothing").body)["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/status/", "/Status", "/status.json/", "/status/../v1/models", "//status", "/freehold/status"]
)
def test_a_path_that_is_not_the_pages_is_not_served(monitor: Harness, reporter: Reporter, path: str) -> None:
    assert get(monitor, path).status == 404
    assert reporter.seen == []


@pytest.mark.parametrize(
    "query",
    [
        "path=/etc/passwd",
        "view=../../etc/passwd",
        "view=cost%0d%0aX-Injected:%201",
        "view=cost%00",
        "node=gpu1%20HTTP/1.1%0d%0aHost:%20other",
        "node=" + "g" * 64,
        "node=.",
        "node=gpu1%2f..",
        "range=1e9d",
        "range=99999h",
        "range=24h&range=1h",
        "range=24h&view=cost&node=gpu1&more=1",
        "a=1&b=2&c=3&d=4",
        "%ff=1",
        "range=24h;view=cost",
        "range=%EF%BC%91h",
    ],
)
def test_an_odd_question_is_refused_and_never_passed_on(monitor: Harness, reporter: Reporter, query: str) -> None:
    told = get(monitor, f"/status?{query}", Accept=BROWSER)
    assert told.status == 400
    assert b"range=24h, view=cost, node=gpu1" in told.body
    assert is_safe(told)
    assert reporter.seen == []


def test_a_raw_query_cannot_bring_a_line_of_its_own(monitor: Harness, reporter: Reporter) -> None:
    with monitor.connect() as connection:
        connection.sendall(
            b"GET /status?view=\xff\xfe&node=<script> HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n"
            b"accept: text/html\r\nconnection: close\r\n\r\n" % CLIENT_KEY.encode()
        )
        said = read_all(connection)
    assert said.startswith(b"HTTP/1.1 400")
    assert b"<script>" not in said
    assert reporter.seen == []


def test_what_means_the_same_is_one_question_and_is_kept_for_a_moment(
    monitor: Harness, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "KEPT_SECONDS", 0.5)
    for path in ("/status?view=cost&range=1h", "/status?range=1h&view=cost&node=", "/status?range=%31h&view=cost"):
        assert get(monitor, path).status == 200
    assert reporter.seen == ["/status?range=1h&view=cost"]


def test_a_page_is_asked_for_anew_after_a_moment(
    monitor: Harness, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "KEPT_SECONDS", 0.05)
    get(monitor, "/status?range=5m")
    reporter.body = b"another"
    assert eventually(lambda: get(monitor, "/status?range=5m").body == b"another")


def test_many_who_want_the_same_page_wait_for_one_and_one_who_goes_takes_it_from_nobody(
    monitor: Harness, reporter: Reporter
) -> None:
    reporter.slow, gone = True, Count(monitor, path="/status", status="499")
    before = monitor.count("freehold_gateway_connections")
    first = monitor.connect()
    first.sendall(b"GET /status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %b\r\n\r\n" % CLIENT_KEY.encode())
    eventually(lambda: reporter.seen)
    told: list[Told] = []
    others = [threading.Thread(target=lambda: told.append(get(monitor))) for _ in range(3)]
    for thread in others:
        thread.start()
    eventually(lambda: monitor.count("freehold_gateway_connections") >= before + 4)
    first.close()
    eventually(lambda: gone.grown == 1)
    reporter.released.set()
    for thread in others:
        thread.join(10)
    assert [one.status for one in told] == [200] * 3
    assert len(reporter.seen) == 1


def test_a_few_pages_are_made_at_once_and_others_serve_meanwhile(monitor: Harness, reporter: Reporter) -> None:
    reporter.slow = True
    told: list[Told] = []
    asked = [
        threading.Thread(target=lambda n=n: told.append(get(monitor, f"/status?range={n}h")))
        for n in range(1, source.AT_ONCE + 1)
    ]
    for thread in asked:
        thread.start()
    eventually(lambda: len(reporter.seen) == source.AT_ONCE)
    busy = get(monitor, "/status?range=9h")
    assert (busy.status, busy.headers["retry-after"]) == (503, "1")
    connection = http.client.HTTPConnection(*monitor.addresses.public, timeout=5)
    connection.request("POST", PATH, GOOD, {"Authorization": f"Bearer {CLIENT_KEY}"})
    assert connection.getresponse().status == 200
    connection.close()
    reporter.released.set()
    for thread in asked:
        thread.join(10)
    assert [one.status for one in told] == [200] * source.AT_ONCE


def test_no_more_pages_are_kept_than_may_be(
    monitor: Harness, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "KEPT_SECONDS", 3.0)
    for n in range(source.MOST_KEPT + 1):
        get(monitor, f"/status?range={n}d")
    get(monitor, f"/status?range={source.MOST_KEPT}d")
    assert len(reporter.seen) == source.MOST_KEPT + 1, "the newest is kept"
    get(monitor, "/status?range=0d")
    assert len(reporter.seen) == source.MOST_KEPT + 2, "the oldest is not"
