"""Prometheus' HTTP API, as far as a page needs it: values now, values over time, alerts. Errors are answers.

Only the standard library, only plain HTTP to this machine. Time and size of an answer are bounded, and what it holds is
checked before it is believed.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from freehold.errors import UsageError
from freehold.report import answers
from freehold.report.answers import Alert, Failure, Sample, Track
from freehold.report.span import Span
from freehold.service.addresses import is_loopback

MOST_BYTES = 8 * 1024 * 1024
PIECE = 64 * 1024
OK = 200
DEFAULT_URL = "http://127.0.0.1:9090"

Read = TypeVar("Read")
Connect = Callable[[str, int, float], http.client.HTTPConnection]


def connect(host: str, port: int, seconds: float) -> http.client.HTTPConnection:
    """A connection that waits no longer than ``seconds`` for each piece."""
    return http.client.HTTPConnection(host, port, timeout=seconds)


@dataclass(frozen=True)
class Place:
    """Where Prometheus listens."""

    host: str
    port: int
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Place:
        """From ``http://127.0.0.1:9090``. Raises :class:`UsageError`."""
        try:
            parts = urlsplit(url)
            port = parts.port or 9090
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme != "http" or not is_loopback(parts.hostname or "") or parts.query or parts.fragment:
            raise UsageError(
                "REPORT_PROMETHEUS",
                "--prometheus",
                url,
                expected="http://127.0.0.1:PORT, an address of this machine",
                why="what the fleet does is read on the monitor itself and goes no further",
                fix=f"--prometheus {DEFAULT_URL}",
            )
        return cls(parts.hostname or "", port, parts.path.rstrip("/"))


class Prometheus:
    """One page's questions. Several threads may ask at once; :meth:`cut` ends all that are still waiting."""

    def __init__(self, place: Place, connector: Connect = connect, most_bytes: int = MOST_BYTES) -> None:
        self._place, self._connect, self._most = place, connector, most_bytes
        self._open: set[http.client.HTTPConnection] = set()
        self._guard = threading.Lock()
        self._is_cut = False

    def now(self, expr: str, at: float, seconds: float) -> tuple[Sample, ...] | Failure:
        """The values of ``expr`` at the UNIX time ``at``, waiting ``seconds`` at most."""
        asked = {"query": expr, "time": f"{at:.3f}", "timeout": f"{seconds * 1000:.0f}ms"}
        return _read(self._ask("/api/v1/query", asked, seconds), answers.samples)

    def over(self, expr: str, span: Span, seconds: float) -> tuple[Track, ...] | Failure:
        """The values of ``expr`` at each moment of ``span``."""
        asked = {"query": expr, "start": f"{span.start:.3f}", "end": f"{span.end:.3f}", "step": f"{span.step:.3f}"}
        answer = self._ask("/api/v1/query_range", {**asked, "timeout": f"{seconds * 1000:.0f}ms"}, seconds)
        return _read(answer, lambda data: answers.tracks(data, span))

    def alerts(self, seconds: float) -> tuple[Alert, ...] | Failure:
        """All alerts, pending ones too."""
        return _read(self._ask("/api/v1/alerts", None, seconds), answers.alerts)

    def cut(self) -> None:
        """Time is over: whoever still waits gets a failure, and so does whoever asks from now on."""
        with self._guard:
            self._is_cut, left = True, list(self._open)
        for connection in left:
            if connection.sock is not None:
                _shut(connection.sock)

    def _ask(self, path: str, form: Mapping[str, str] | None, seconds: float) -> bytes | Failure:
        until = time.monotonic() + seconds
        connection = self._connect(self._place.host, self._place.port, seconds)
        with self._guard:
            if self._is_cut:
                return answers.SLOW
            self._open.add(connection)
        try:
            return self._exchange(connection, path, form, until)
        except TimeoutError:
            return answers.SLOW
        except (OSError, http.client.HTTPException) as error:
            return (
                answers.SLOW
                if self._is_cut
                else Failure("unreachable", f"Prometheus does not answer ({_named(error)})")
            )
        finally:
            with self._guard:
                self._open.discard(connection)
            connection.close()

    def _exchange(
        self, connection: http.client.HTTPConnection, path: str, form: Mapping[str, str] | None, until: float
    ) -> bytes | Failure:
        body = urlencode(form) if form is not None else None
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        connection.request("GET" if form is None else "POST", self._place.prefix + path, body, headers)
        response = connection.getresponse()
        content = self._content(response, until)
        if isinstance(content, Failure) or response.status == OK:
            return content
        return answers.refusal(response.status, content)

    def _content(self, response: http.client.HTTPResponse, until: float) -> bytes | Failure:
        parts, size = [], 0
        while part := response.read1(PIECE):
            size += len(part)
            if size > self._most:
                return Failure("too_big", f"Prometheus' answer is larger than {self._most:,} bytes")
            if time.monotonic() > until:
                return answers.SLOW
            parts.append(part)
        # read1 says nothing of an answer that ends before its announced length.
        if response.length:
            return Failure("garbage", "Prometheus' answer ends before its end")
        return b"".join(parts)


def _read(content: bytes | Failure, reader: Callable[[Any], Read]) -> Read | Failure:
    if isinstance(content, Failure):
        return content
    try:
        document = json.loads(content)
        if document["status"] != "success":
            return _garbage("no success")
        return reader(document["data"])
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, OverflowError) as error:
        return _garbage(type(error).__name__)


def _garbage(what: str) -> Failure:
    return Failure("garbage", f"Prometheus' answer cannot be read ({what})")


def _named(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it ended by itself
