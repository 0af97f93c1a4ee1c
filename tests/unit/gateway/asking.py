"""Plain requests, without an SDK: what a client sends and what it gets, to the byte."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.unit.gateway.harness import CHAT, CLIENT_KEY, Harness

PATH = "/v1/chat/completions"
GOOD = json.dumps({"model": CHAT, "messages": [{"role": "user", "content": "hi"}]}).encode()


@contextmanager
def request(
    gateway: Harness, method: str, path: str, body: bytes | None = None, key: str | None = CLIENT_KEY
) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=10)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {key}"} if key else {})
        yield connection.getresponse()
    finally:
        connection.close()


def error_of(answer: http.client.HTTPResponse) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer.read())["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)
