"""One page of a loopback exporter, fetched when it is asked for."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from freehold.errors import RefusedError, UsageError
from freehold.exporter.server import UpstreamError
from freehold.service.addresses import is_loopback

SECONDS = 4.0
"""Less than what the server gives a connection."""
MOST_BYTES = 32 * 1024 * 1024
OK = 200
DEFAULT_PAGE = "/metrics"
PAGE = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._-]*)+")
RESERVED = ("/healthz",)
"""The door's own page."""


@dataclass(frozen=True)
class Relay:
    """``listen`` (host:port on the mesh) and ``page`` are what is asked; ``host``, ``port``, ``path`` where it lies.

    ``bearer`` is shown there: a runtime with a key tells its metrics to nobody else.
    """

    listen: str
    page: str
    host: str
    port: int
    path: str
    bearer: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str, credentials: Path | None = None) -> Relay:
        """From ``10.85.0.11:9401/gateway=http://127.0.0.1:8081/metrics``; ``#NAME`` after it is a credential's.

        ``credentials`` is the folder that systemd lays them in.
        Raises :class:`UsageError`, and :class:`RefusedError` where the credential is not there.
        """
        front, _, url = text.partition("=")
        listen, page = _split(front)
        parts = urlsplit(url)
        leads_to_loopback = parts.scheme == "http" and is_loopback(parts.hostname or "") and parts.port
        if not (listen and PAGE.fullmatch(page) and page not in RESERVED and leads_to_loopback):
            raise _refused(text)
        bearer = _credential(text, parts.fragment, credentials) if parts.fragment else ""
        return cls(listen, page, parts.hostname or "", parts.port or 0, parts.path or "/", bearer)

    def fetch(self, connect: Callable[..., socket.socket] = socket.create_connection) -> bytes:
        """The page. Raises :class:`UpstreamError` when the exporter does not answer with it."""
        try:
            with connect((self.host, self.port), timeout=SECONDS) as connection:
                shown = f"Authorization: Bearer {self.bearer}\r\n" if self.bearer else ""
                connection.sendall(f"GET {self.path} HTTP/1.0\r\nHost: {self.host}\r\n{shown}\r\n".encode())
                answer = _all(connection)
        except OSError as error:
            raise UpstreamError(f"{self.host}:{self.port}: {error}") from error
        head, _, body = answer.partition(b"\r\n\r\n")
        words = head.split(None, 2)
        if len(words) < 2 or words[1] != str(OK).encode():  # noqa: PLR2004  version and status
            raise UpstreamError(f"{self.host}:{self.port}: no page")
        return body


def _all(connection: socket.socket) -> bytes:
    parts, left = [], MOST_BYTES
    while left > 0 and (part := connection.recv(65536)):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise UpstreamError("a page without end")
    return b"".join(parts)


def _split(front: str) -> tuple[str, str]:
    """``host:port`` and the page; without one it is ``/metrics``."""
    listen, slash, page = front.partition("/")
    return listen, f"/{page}" if slash else DEFAULT_PAGE


def _credential(text: str, name: str, folder: Path | None) -> str:
    if "/" in name:
        raise _refused(text)
    try:
        return ((folder or Path("/nonexistent")) / name).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise RefusedError(
            "DOOR_CREDENTIAL",
            f"--relay {text}",
            str(error),
            expected=f"a credential {name} of the unit",
            fix=f"LoadCredential={name}:FILE in the unit (role metrics_door)",
        ) from error


def _refused(text: str) -> UsageError:
    return UsageError(
        "DOOR_RELAY",
        "--relay",
        text,
        expected="ADDRESS:PORT=http://127.0.0.1:PORT/metrics, or ADDRESS:PORT/PAGE=... where several share a port",
        why="the door is for what lies on this node's loopback, and for nothing else",
    )
