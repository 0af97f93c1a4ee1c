"""A Prometheus that says what a test wants, byte for byte, and small views to ask it about."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from freehold.report.model import Panel, Query, Row, Step, Unit, View, Word

PATIENCE_SECONDS = 10.0
NOW = 1_790_000_000.0

Script = Callable[[socket.socket, str, dict[str, str]], None]
"""What is done with a connection: the path and the form of the request are given."""


class Pretender:
    """Answers each connection by its ``script``, which may be changed at any time."""

    def __init__(self, script: Script) -> None:
        self.script, self.asked = script, list[tuple[str, dict[str, str]]]()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_SECONDS)
        with connection:
            try:
                path, form = _request(connection)
                self.asked.append((path, form))
                self.script(connection, path, form)
            except OSError:
                return

    def close(self) -> None:
        self._socket.close()


def _request(connection: socket.socket) -> tuple[str, dict[str, str]]:
    head = b""
    while b"\r\n\r\n" not in head:
        head += _some(connection)
    head, _, body = head.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += _some(connection)
    return head.split()[1].decode(), {name: values[0] for name, values in parse_qs(body.decode()).items()}


def _some(connection: socket.socket) -> bytes:
    if not (part := connection.recv(4096)):
        raise ConnectionResetError
    return part


def http(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    """An answer as it goes over the wire."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def success(data: Any) -> bytes:
    return http(json.dumps({"status": "success", "data": data}).encode())


def vector(*rows: tuple[dict[str, str], float | str]) -> dict[str, Any]:
    return {
        "resultType": "vector",
        "result": [{"metric": labels, "value": [NOW, str(value)]} for labels, value in rows],
    }


def matrix(form: dict[str, str], *rows: tuple[dict[str, str], Callable[[float], float | str | None]]) -> dict[str, Any]:
    """Each row's values at the moments that were asked for."""
    start, end, step = (float(form[name]) for name in ("start", "end", "step"))
    moments = [start + index * step for index in range(round((end - start) / step) + 1)]
    result = [
        {"metric": labels, "values": [[at, str(value)] for at in moments if (value := course(at)) is not None]}
        for labels, course in rows
    ]
    return {"resultType": "matrix", "result": result}


def plain(connection: socket.socket, path: str, form: dict[str, str]) -> None:
    """A Prometheus that is well: one series of 7 to every question."""
    if path.endswith("alerts"):
        connection.sendall(success({"alerts": []}))
    elif path.endswith("query_range"):
        connection.sendall(success(matrix(form, ({"node": "gpu1"}, lambda _: 7))))
    elif form["query"].startswith("max(timestamp"):
        connection.sendall(success(vector(({}, float(form["time"]) - 3))))
    else:
        connection.sendall(success(vector(({"node": "gpu1"}, 7))))


@pytest.fixture
def pretender() -> Iterator[Pretender]:
    one = Pretender(plain)
    yield one
    one.close()


def value(**more: Any) -> Panel:
    given: dict[str, Any] = {
        "id": "figure", "title": "A figure", "about": "What it is.", "kind": "value", "unit": Unit.NUMBER,
        "queries": (Query("figure_now"),), "steps": (Step(0, "good"), Step(10, "bad")),
    }  # fmt: skip
    return Panel(**{**given, **more})


def series(**more: Any) -> Panel:
    return value(
        **{
            "id": "course",
            "title": "A course",
            "kind": "series",
            "queries": (Query('c{node=~"$node"}', "{{node}}"),),
            **more,
        }
    )


def states(**more: Any) -> Panel:
    words = (Word(7, "fine", "good"), Word(8, "broken", "bad"))
    return value(
        **{
            "id": "bands",
            "title": "Bands",
            "kind": "states",
            "queries": (Query("state", "{{node}}"),),
            "words": words,
            **more,
        }
    )


def table(**more: Any) -> Panel:
    return value(
        **{"id": "rows", "title": "Rows", "kind": "table", "queries": (Query("rows[$__range]", "Count"),), **more}
    )


def view(*panels: Panel) -> View:
    return View("cost", "Cost", "What it costs.", (Row("All", panels or (value(), series(), states(), table())),))
