"""The HTTP server: two pages, bounded, and nobody can hold it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from freehold.exporter import server as server_module
from freehold.exporter.server import MOST_CONNECTIONS, MOST_HEADER_BYTES, Server

PATIENCE_SECONDS = 10.0
LARGE = b"x" * 2**24
"""More than the kernel keeps for a client that does not read."""


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    server = Server(("127.0.0.1", 0), {"/metrics": lambda: b"up 1\n", "/broken": _broken, "/large": lambda: LARGE})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_address[0], server.server_address[1]  # type: ignore[misc]
    server.shutdown()
    server.server_close()
    thread.join(PATIENCE_SECONDS)


def _broken() -> bytes:
    raise FileNotFoundError(2, "/proc is gone")


def _connect(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=PATIENCE_SECONDS)


def _ask(address: tuple[str, int], request: bytes) -> bytes:
    with _connect(address) as sock:
        sock.sendall(request)
        return _rest(sock)


def _rest(sock: socket.socket) -> bytes:
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /metrics HTTP/1.1", b"200 OK"),
        (b"GET /metrics?x=1 HTTP/1.0", b"200 OK"),
        (b"GET / HTTP/1.1", b"404 Not Found"),
        (b"GET /metrics/../etc/passwd HTTP/1.1", b"404 Not Found"),
        (b"POST /metrics HTTP/1.1", b"405 Method Not Allowed"),
        (b"GET /metrics", b"400 Bad Request"),
        (b"\xff\xfe\x00", b"400 Bad Request"),
        (b"GET /metrics HTTP/1.1 extra", b"400 Bad Request"),
        (b"A" * (MOST_HEADER_BYTES - 1), b"400 Bad Request"),
    ],
)
def test_answers(address: tuple[str, int], request_line: bytes, status: bytes) -> None:
    answer = _ask(address, request_line + b"\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status + b"\r\n")


def test_the_body_is_whole_and_its_length_is_said(address: tuple[str, int]) -> None:
    head, _, body = _ask(address, b"GET /metrics HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
    assert body == b"up 1\n"
    assert b"Content-Length: 5\r\n" in head
    assert b"text/plain; version=0.0.4" in head


def test_endless_headers_are_refused(address: tuple[str, int]) -> None:
    endless = b"GET /metrics HTTP/1.1\r\n" + b"x: y\r\n" * (MOST_HEADER_BYTES // 6 + 1)
    assert not _ask(address, endless).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("path", "status"), [(b"/metrics", b"200"), (b"/", b"404"), (b"/broken", b"500"), (b"/metrics?x", b"200")]
)
def test_head_is_answered_as_get_without_a_body(address: tuple[str, int], path: bytes, status: bytes) -> None:
    whole = _ask(address, b"GET " + path + b" HTTP/1.1\r\n\r\n")
    head, _, body = _ask(address, b"HEAD " + path + b" HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert (head, body) == (whole.partition(b"\r\n\r\n")[0], b"")


def test_what_is_not_allowed_says_what_is(address: tuple[str, int]) -> None:
    assert b"\r\nAllow: GET, HEAD\r\n" in _ask(address, b"DELETE /metrics HTTP/1.1\r\n\r\n")


def test_a_second_request_on_the_same_connection_is_not_answered(address: tuple[str, int]) -> None:
    """Keep-alive is refused in words, so that nobody waits for an answer that does not come."""
    answer = _ask(address, 2 * b"GET /metrics HTTP/1.1\r\nConnection: keep-alive\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"Connection: close" in answer


def test_a_client_that_does_not_read_is_cut_and_its_place_comes_back(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "LONGEST_CONNECTION_SECONDS", 0.2)
    slow = [_connect(address) for _ in range(MOST_CONNECTIONS)]
    for sock in slow:
        sock.sendall(b"GET /large HTTP/1.1\r\n\r\n")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while b"up 1" not in _ask(address, b"GET /metrics HTTP/1.1\r\n\r\n"):
        assert time.monotonic() < deadline, "their places did not come back"
    for sock in slow:
        sock.close()


def test_a_hundred_scrapes_at_once_are_whole_or_closed_and_never_torn(address: tuple[str, int]) -> None:
    answers: list[bytes] = []
    asking = [
        threading.Thread(target=lambda: answers.append(_ask(address, b"GET /metrics HTTP/1.1\r\n\r\n")))
        for _ in range(100)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(PATIENCE_SECONDS)
    assert len(answers) == 100
    assert {answer.rpartition(b"\r\n\r\n")[2] for answer in answers} <= {b"up 1\n", b""}
    assert b"up 1" in _ask(address, b"GET /metrics HTTP/1.1\r\n\r\n")


def test_a_page_that_fails_is_answered_as_our_mistake_and_told(
    address: tuple[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _ask(address, b"GET /broken HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 500 ")
    assert "/proc is gone" in capsys.readouterr().err
    assert b"up 1" in _ask(address, b"GET /metrics HTTP/1.1\r\n\r\n")


def test_a_client_that_says_nothing_is_cut(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LONGEST_CONNECTION_SECONDS", 0.05)
    with _connect(address) as sock:
        sock.sendall(b"GET /metr")
        assert b"200" not in _rest(sock)


def test_more_than_the_bounded_number_are_closed_and_places_come_back(address: tuple[str, int]) -> None:
    held = [_connect(address) for _ in range(MOST_CONNECTIONS)]
    with _connect(address) as one_too_many:
        assert _rest(one_too_many) == b""
    held[0].sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    assert b"up 1" in _rest(held[0])
    assert b"up 1" in _ask(address, b"GET /metrics HTTP/1.1\r\n\r\n")
    for sock in held:
        sock.close()
