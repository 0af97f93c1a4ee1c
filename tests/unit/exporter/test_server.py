"""The HTTP server: two pages, bounded, and nobody can hold it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from freehold.exporter import server as server_module
from freehold.exporter.server import MOST_CONNECTIONS, MOST_HEADER_BYTES, Server

PATIENCE_SECONDS = 10.0


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    server = Server(("127.0.0.1", 0), {"/metrics": lambda: b"up 1\n", "/broken": _broken})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_address[0], server.server_address[1]  # type: ignore[misc]
    server.shutdown()
    server.server_close()
    thread.join(PATIENCE_SECONDS)


def _broken() -> bytes:
    raise OSError


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


def test_a_page_that_fails_ends_its_own_connection_only(address: tuple[str, int]) -> None:
    assert _ask(address, b"GET /broken HTTP/1.1\r\n\r\n") == b""
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
