"""What a hostile or broken client gets: a quick refusal in the form of the rest, and never a runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.gateway.asking import GOOD, PATH, error_of, read_all, request
from tests.unit.gateway.harness import CHAT, CLIENT_KEY, Harness, eventually, running

from freehold.gateway.app import SERVED
from freehold.gateway.config import Limits

AUTHORIZED = f"Authorization: Bearer {CLIENT_KEY}\r\n".encode()


def head(length: int, more: bytes = b"") -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: h\r\n%sContent-Length: %d\r\n%s\r\n" % (PATH.encode(), AUTHORIZED, length, more)


@pytest.mark.parametrize("key", [CLIENT_KEY, "wrong", None])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/metrics"),
        ("GET", "/health"),
        ("GET", "/slots"),
        ("GET", "/props"),
        ("POST", "/tokenize"),
        ("POST", "/completion"),
        ("GET", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("POST", "/v1/responses/compact"),
        ("POST", "/v1/audio/transcriptions"),
        ("POST", "/v1/load_lora_adapter"),
        ("GET", PATH),
        ("DELETE", "/v1/models"),
        ("POST", "/v1/models"),
        ("OPTIONS", PATH),
        ("POST", PATH + "/"),
        ("POST", "//v1/chat/completions"),
        ("POST", "/v1/chat/../chat/completions"),
        ("POST", "/V1/chat/completions"),
    ],
)
def test_what_is_not_on_the_list_is_not_found(gateway: Harness, method: str, path: str, key: str | None) -> None:
    with request(gateway, method, path, GOOD, key) as answer:
        assert answer.status == 404
        assert error_of(answer)["message"].count("/v1/") == len(SERVED) - 1
    assert gateway.runtime.seen == []


def test_what_is_on_the_list_is_found(gateway: Harness) -> None:
    with request(gateway, "POST", PATH, GOOD) as answer:
        assert answer.status == 200
    with request(gateway, "GET", "/v1/models") as answer:
        assert answer.status == 200
    with request(gateway, "GET", "/healthz", key=None) as answer:
        assert (answer.status, answer.read()) == (200, b"ok\n")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", PATH), ("POST", "/v1/completions"), ("POST", "/v1/embeddings"), ("GET", "/v1/models")]
)
@pytest.mark.parametrize("key", ["wrong", "", None])
def test_without_a_key_nothing_is_told(gateway: Harness, method: str, path: str, key: str | None) -> None:
    with request(gateway, method, path, GOOD, key) as answer:
        assert answer.status == 401
        assert answer.getheader("www-authenticate") == "Bearer"
        assert error_of(answer)["code"] == "invalid_api_key"
    assert gateway.runtime.seen == []


@pytest.mark.parametrize(
    "header", ["Basic {key}", "{key}", "Bearer {key} {key}", "Bearer {key}\r\nAuthorization: Bearer {key}"]
)
def test_other_ways_to_show_a_key_are_refused(gateway: Harness, header: str) -> None:
    shown = header.format(key=CLIENT_KEY)
    with gateway.connect() as connection:
        connection.sendall(f"GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: {shown}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 401"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe{}",
        b'{"a": NaN}',
        b'{"model": 1}',
        b'{"messages": []}',
        b'{"model":"tiny-chat","x":1e999}',
        b'{"model":"tiny-chat","x":' + b"9" * 5000 + b"}",
        b'{"model":"tiny-chat","stream":"yes"}',
        b'{"model":"tiny-chat","stream":true,"stream_options":[1]}',
        b'{"model":"tiny-chat","x":' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"model":"tiny-chat","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"model":"tiny-chat","x":[' + b"[]," * 60_000 + b"[]]}",
    ],
    ids=lambda body: body[:24].decode(errors="replace"),
)
def test_a_body_that_cannot_be_understood_is_refused(gateway: Harness, body: bytes) -> None:
    with request(gateway, "POST", PATH, body) as answer:
        assert answer.status == 400
        error_of(answer)
    assert gateway.runtime.seen == []


@pytest.mark.parametrize(
    "more", [{"x": "[" * 60_000}, {"tools": [{"a": {"b": {"c": [1]}}}]}, {"x": [[0]] * 1000}, {"x": "\ud800"}]
)
def test_a_body_that_only_looks_odd_is_served(gateway: Harness, more: dict[str, Any]) -> None:
    with request(gateway, "POST", PATH, json.dumps({**json.loads(GOOD), **more}).encode()) as answer:
        assert answer.status == 200
    assert more.items() <= gateway.runtime.seen[0][2].items()


def test_a_huge_body_is_refused_before_it_is_sent(gateway: Harness) -> None:
    with gateway.connect() as connection:
        connection.sendall(head(10**12, b"Expect: 100-continue\r\n"))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"connection: close" in answer
    assert gateway.runtime.seen == []


def test_a_huge_chunked_body_is_cut_at_the_limit() -> None:
    with running(Limits(body_bytes=2048, drain_seconds=1)) as gateway:
        with gateway.connect() as connection:
            connection.sendall(
                b"POST %s HTTP/1.1\r\nHost: h\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (PATH.encode(), AUTHORIZED)
            )
            connection.sendall(b"800\r\n" + b"x" * 2048 + b"\r\n" + b"1\r\nx\r\n")
            assert connection.recv(12) == b"HTTP/1.1 413"
        with request(gateway, "POST", PATH, GOOD) as answer:
            assert answer.status == 200
        assert len(gateway.runtime.seen) == 1


@pytest.mark.parametrize("after", [b"3\r\n{  \r\n0\r\nX: %s", b"1;%s"], ids=["after the body", "beside a chunk"])
def test_what_stands_around_a_body_in_chunks_is_held_to_the_size_of_a_head(gateway: Harness, after: bytes) -> None:
    chunked = b"POST %s HTTP/1.1\r\nHost: h\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (PATH.encode(), AUTHORIZED)
    with gateway.connect() as connection:
        connection.sendall(chunked)
        connection.sendall(after % (b"x" * 200_000))
        assert connection.recv(12) == b"HTTP/1.1 431"
    assert gateway.runtime.seen == []


def test_a_header_after_the_body_says_nothing(gateway: Harness) -> None:
    head = b"GET /v1/models HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n%s\r\n"
    with gateway.connect() as connection:
        connection.sendall(head % AUTHORIZED)
        assert connection.recv(12) == b"HTTP/1.1 401"


@pytest.mark.parametrize("start", [b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nX: 1\r\n", b"\r\n"])
def test_a_slow_head_is_refused(impatient: Harness, start: bytes) -> None:
    with impatient.connect() as connection:
        connection.sendall(start)
        assert read_all(connection).startswith(b"HTTP/1.1 408")


def test_a_slow_body_is_refused(impatient: Harness) -> None:
    with impatient.connect() as connection:
        connection.sendall(head(100) + b"{")
        assert connection.recv(12) == b"HTTP/1.1 408"
    assert impatient.runtime.seen == []


def test_a_client_that_does_not_read_its_stream_is_cut(impatient: Harness) -> None:
    body = json.dumps({"model": CHAT, "stream": True, "messages": [{"role": "user", "content": "flood"}]}).encode()
    with impatient.connect(buffer=4096) as connection:
        connection.sendall(head(len(body)) + body)
        eventually(lambda: impatient.runtime.cancelled == ["flood"])
        eventually(lambda: impatient.count("freehold_gateway_cut_answers_total", by="slow_client") == 1)


def test_an_idle_connection_is_closed_and_one_in_use_is_kept(impatient: Harness) -> None:
    with impatient.connect() as connection:
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            got = b""
            while not got.endswith(b"ok\n"):
                got += connection.recv(65536)
        assert connection.recv(1) == b""


@pytest.fixture(scope="module")
def impatient() -> Iterator[Harness]:
    limits = Limits(header_seconds=0.2, body_seconds=0.2, write_seconds=0.2, keep_alive_seconds=1, drain_seconds=1)
    with running(limits) as gateway:
        yield gateway


@pytest.mark.parametrize(
    "heads",
    [
        b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 20_000,
        b"GET /healthz HTTP/1.1\r\n" + b"X: 1\r\n" * 3000 + b"\r\n",
        b"GET /" + b"x" * 20_000,
    ],
    ids=["one", "unfinished", "many", "line"],
)
def test_a_huge_head_is_refused(gateway: Harness, heads: bytes) -> None:
    with gateway.connect() as connection:
        connection.sendall(heads)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 431")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x16\x03\x01\x00\xa5",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/models HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/models HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"GET /v1/models\x00 HTTP/1.1\r\n\r\n",
        b"CONNECT example.test:443 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /healthz HTTP/2.0\r\nHost: h\r\n\r\n",
        b"GET /healthz\r\n\r\n",
    ],
)
def test_what_is_not_plain_http_is_refused(gateway: Harness, wrong: bytes) -> None:
    with gateway.connect() as connection:
        connection.sendall(wrong)
        assert connection.recv(10) == b"HTTP/1.1 4"
    assert gateway.runtime.seen == []


def test_an_upgrade_is_not_followed(gateway: Harness) -> None:
    with gateway.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"
