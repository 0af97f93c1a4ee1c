"""A client's connection to the byte: what may follow what, and when it ends."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from monitoring.metrics_page import ours
from tests.unit.gateway.asking import GOOD, PATH, read_all, request
from tests.unit.gateway.harness import CHAT, CLIENT_KEY, Harness, eventually, running

from freehold.gateway.config import Limits

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def post(more: bytes = b"", body: bytes = GOOD) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {CLIENT_KEY}\r\n".encode()
    return head + more + b"\r\n" + body


def test_requests_sent_at_once_are_answered_in_their_order(gateway: Harness) -> None:
    length = b"Content-Length: %d\r\n" % len(GOOD)
    with gateway.connect() as connection:
        connection.sendall(HEALTH + post(length) + HEALTH + post(length) + LAST)
        answers = read_all(connection).split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [b"ok\n" in answer for answer in answers] == [True, False, True, False, True]
    assert len(gateway.runtime.seen) == 2


def test_nothing_is_served_after_the_last_request(gateway: Harness) -> None:
    with gateway.connect() as connection:
        connection.sendall(LAST + HEALTH)
        assert read_all(connection).count(b"HTTP/1.1 200") == 1


def test_an_old_client_gets_a_stream_that_ends_with_the_connection(gateway: Harness) -> None:
    body = json.dumps({**json.loads(GOOD), "stream": True}).encode()
    with gateway.connect() as connection:
        connection.sendall(post(b"Content-Length: %d\r\n" % len(body), body).replace(b"HTTP/1.1", b"HTTP/1.0"))
        head, _, events = read_all(connection).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert b"connection: close" in head
    assert events.startswith(b"data: {")
    assert events.endswith(b"data: [DONE]\n\n")


def test_a_body_in_pieces_is_served(gateway: Harness) -> None:
    pieces = b"".join(b"%x\r\n%b\r\n" % (1, GOOD[at : at + 1]) for at in range(len(GOOD))) + b"0\r\n\r\n"
    with gateway.connect() as connection:
        connection.sendall(post(b"Transfer-Encoding: chunked\r\nConnection: close\r\n", pieces))
        assert read_all(connection).startswith(b"HTTP/1.1 200")


def test_a_body_that_breaks_its_own_form_is_refused(gateway: Harness) -> None:
    with gateway.connect() as connection:
        connection.sendall(post(b"Transfer-Encoding: chunked\r\n", b"zz\r\n"))
        assert read_all(connection).startswith(b"HTTP/1.1 400")
    assert gateway.runtime.seen == []


def test_who_waits_for_a_word_before_the_body_gets_it(gateway: Harness) -> None:
    with gateway.connect() as connection:
        connection.sendall(post(b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(GOOD), b""))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(GOOD)
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_a_head_without_a_body_is_answered_without_one(gateway: Harness) -> None:
    with gateway.connect() as connection:
        connection.sendall(LAST.replace(b"GET", b"HEAD"))
        head, _, rest = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404")
    assert rest == b""


def test_a_body_that_nobody_asked_for_ends_the_connection(gateway: Harness) -> None:
    """It would have to be read to find the next head, however long it is."""
    with gateway.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nx")
        assert read_all(connection).startswith(b"HTTP/1.1 200")


def test_an_escaped_path_is_read_once(gateway: Harness) -> None:
    with request(gateway, "GET", "/v1/models/" + CHAT.replace("-", "%2D")) as answer:
        assert json.loads(answer.read())["id"] == CHAT
    with request(gateway, "GET", "/v1/models/" + CHAT.replace("-", "%252D")) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("given", ["trace-0123456789abcdef", "a.b_c-D9", "x" * 64])
def test_a_clients_own_id_goes_with_its_request_everywhere(gateway: Harness, given: str) -> None:
    with gateway.connect() as connection:
        more = b"Connection: close\r\nX-Request-Id: %b\r\nContent-Length: %d\r\n" % (given.encode(), len(GOOD))
        connection.sendall(post(more))
        assert b"x-request-id: %b\r\n" % given.encode() in read_all(connection)
    assert {name.lower(): value for name, value in gateway.runtime.seen[0][1].items()}["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "two words", "semi;colon", "ümlaut-in-it"])
def test_an_id_that_is_not_well_formed_is_replaced(gateway: Harness, given: str) -> None:
    with gateway.connect() as connection:
        connection.sendall(LAST.replace(b"Host", b"X-Request-Id: %b\r\nHost" % given.encode()))
        assert b"x-request-id: req_" in read_all(connection)


def test_metrics_carry_ids_for_who_asks_for_openmetrics_only(gateway: Harness) -> None:
    with request(gateway, "POST", PATH, GOOD) as answer:
        given = answer.getheader("x-request-id")
        answer.read()
    wanted = f'# {{request_id="{given}"}}'
    address = f"http://127.0.0.1:{gateway.addresses.metrics[1]}/metrics"
    asking = urllib.request.Request(address, headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    def openmetrics() -> str:
        with urllib.request.urlopen(asking, timeout=5) as page:  # noqa: S310  our own address
            return str(page.read().decode())

    assert eventually(lambda: wanted in openmetrics())
    assert "request_id" not in gateway.metrics()
    assert openmetrics().endswith("# EOF\n")


def test_a_client_that_goes_at_once_is_counted(gateway: Harness) -> None:
    before = gateway.count("freehold_gateway_requests_total", status="499")
    with gateway.connect() as connection:
        body = GOOD.replace(b'"hi"', b'"wait"')
        connection.sendall(post(b"Content-Length: %d\r\n" % len(body), body))
    eventually(lambda: gateway.count("freehold_gateway_requests_total", status="499") == before + 1)
    eventually(lambda: gateway.count("freehold_gateway_open_requests") == 0)


def test_drain_answers_what_comes_on_an_idle_connection_and_says_that_it_was_the_last() -> None:
    with running(Limits(drain_seconds=4)) as gateway, gateway.connect() as connection:
        connection.sendall(HEALTH)
        eventually(lambda: connection.recv(65536).endswith(b"ok\n"))
        gateway.end()
        eventually(lambda: _refuses(gateway))
        connection.sendall(HEALTH)
        answer = read_all(connection)
    assert b"connection: close" in answer
    assert answer.endswith(b"ok\n")


def _refuses(gateway: Harness) -> bool:
    try:
        gateway.connect().close()
    except ConnectionError:  # refused, or reset where it came in the very moment
        return True
    return False


def test_the_page_of_metrics_names_each_one_and_no_other(gateway: Harness) -> None:
    types = re.findall(r"^# TYPE ((?:gen_ai|freehold)_\w+)", gateway.metrics(), re.MULTILINE)
    told = {name for name in types if not name.endswith("_created")}  # the service leaves those out
    # docs/metrics.md is written from the same. Those of the way out: tests/unit/gateway/frontier looks at them.
    assert {one.name for one in ours.gateway() if not one.name.startswith("process_")} == told
