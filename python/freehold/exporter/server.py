"""A small HTTP server: two pages, a bounded number of connections, none of them for long.

Not ``http.server``: that brings an HTTP client, TLS and a mail parser, 5 MB of the 40 that the exporter may have.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freehold.exporter.exposition import CONTENT_TYPE

if TYPE_CHECKING:  # the exporter itself is on loopback and does without TLS, which would be a tenth of its memory
    from freehold.service.tls import TlsKeeper

MOST_CONNECTIONS = 16
LONGEST_CONNECTION_SECONDS = 5.0
"""From accept to the last byte: a client that drips its request holds a place no longer than that."""

MOST_HEADER_BYTES = 8192
IP_FREEBIND, IPV6_FREEBIND = 15, 78
"""linux/in.h and in6.h; Python names neither."""
REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    502: "Bad Gateway",
}

Page = Callable[[], bytes]


class UpstreamError(OSError):
    """A page that is somebody else's could not be had."""


@dataclass(frozen=True)
class Secure:
    """Mutual TLS for a listener on the mesh, and the kinds of holders that it lets in."""

    keeper: TlsKeeper
    allowed: frozenset[str]


class Server(socketserver.ThreadingTCPServer):
    """Serves ``pages`` (path to content). More than the bounded number of connections are closed unanswered."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, address: tuple[str, int], pages: Mapping[str, Page], secure: Secure | None = None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.pages, self.secure = dict(pages), secure
        self._since: dict[Any, float] = {}
        self._guard = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Take the address; one of the mesh before it is there, for its interface comes and goes."""
        if self.secure is not None:
            v6 = self.address_family == socket.AF_INET6
            level, option = (socket.IPPROTO_IPV6, IPV6_FREEBIND) if v6 else (socket.IPPROTO_IP, IP_FREEBIND)
            self.socket.setsockopt(level, option, 1)
        super().server_bind()

    def get_request(self) -> tuple[Any, Any]:
        """Accept; the handshake is the handler's, so that a slow client holds up nobody else."""
        connection, client = super().get_request()
        if self.secure is None:
            return connection, client
        context = self.secure.keeper.context()
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), client

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is a place for one more."""
        del client_address
        with self._guard:
            if len(self._since) >= MOST_CONNECTIONS:
                return False
            self._since[request] = time.monotonic()
        return True

    def shutdown_request(self, request: Any) -> None:
        """Give the place back."""
        with self._guard:
            self._since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called between connections, at least once a second: cut those that are over their time."""
        late = time.monotonic() - LONGEST_CONNECTION_SECONDS
        with self._guard:
            overdue = [request for request, since in self._since.items() if since < late]
        for request in overdue:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(request, socket.SHUT_RDWR)  # not TLS's own, which pulls the rug from its thread

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is a mistake of ours and is told."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(socketserver.StreamRequestHandler):
    """One request, one answer, closed."""

    server: Server
    timeout = LONGEST_CONNECTION_SECONDS
    allowed = "GET, HEAD"
    head_only = False

    def handle(self) -> None:
        """Answer GET and HEAD; the headers are read to their end and not looked at."""
        let_in, request = self._is_let_in(), self._request()
        if request is None or not let_in:
            self._answer(400 if request is None else 403)
            return
        method, path = request
        self.head_only = method == "HEAD"
        page = self.server.pages.get(path.partition("?")[0])
        if page is None:
            self._answer(404)
        elif method not in {"GET", "HEAD"}:
            self._answer(405)
        else:
            self._answer_with(page)

    def _is_let_in(self) -> bool:
        if self.server.secure is None:
            return True
        from freehold.service.tls import lets_in  # noqa: PLC0415  only here is it needed

        self.request.do_handshake()
        return lets_in(self.request.getpeercert(), self.server.secure.allowed)

    def _answer_with(self, page: Page) -> None:
        try:
            body = page()
        except UpstreamError:
            self._answer(502)
        except Exception:  # noqa: BLE001  a mistake of ours: said in the journal, and to whoever asked
            import traceback  # noqa: PLC0415  only here is it needed

            traceback.print_exc()
            self._answer(500)
        else:
            self._answer(200, body)

    def _request(self) -> tuple[str, str] | None:
        words = self.rfile.readline(MOST_HEADER_BYTES).decode("latin-1").split()
        left = MOST_HEADER_BYTES
        while left > 0:
            line = self.rfile.readline(left)
            if line in {b"\r\n", b"\n"}:
                break
            left = left - len(line) if line else 0
        whole = left > 0 and len(words) == len(("GET", "/", "HTTP/1.1")) and words[2].startswith("HTTP/1.")
        return (words[0], words[1]) if whole else None

    def _answer(self, status: int, body: bytes | None = None) -> None:
        reason = REASONS[status]
        body = f"{reason}\n".encode() if body is None else body
        head = (
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: {CONTENT_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nAllow: {self.allowed}\r\nConnection: close\r\n\r\n"
        )
        self.wfile.write(head.encode() + (b"" if self.head_only else body))
