"""The status page over HTTP on loopback: the exporter's small server, with query strings and a browser's headers."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from freehold.exporter.exposition import CONTENT_TYPE
from freehold.exporter.server import Handler, Server
from freehold.report import metrics
from freehold.report.asked import Asked, AskedError
from freehold.report.keeper import BusyError, Keeper
from freehold.report.model import View
from freehold.report.page import POLICY

LONGEST_SECONDS = 20.0
"""From accept to the last byte: six of patience, five of questions, and a client that is slow to read."""

HTML, JSON = "text/html; charset=utf-8", "application/json"
GUARDED = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Reply:
    """An answer but for its framing. ``data`` says how much of it rests on new figures."""

    status: HTTPStatus
    kind: str
    body: bytes
    data: str = ""


class StatusServer(Server):
    """Serves the pages of ``keeper``; bounded as its parent is."""

    def __init__(self, address: tuple[str, int], keeper: Keeper, views: tuple[View, ...]) -> None:
        self.keeper, self.views = keeper, views
        super().__init__(address, {})
        # The parent names its own handler.
        self.RequestHandlerClass = StatusHandler

    def service_actions(self) -> None:
        """Cut connections that are over their time, which is longer here than the parent's."""
        late = time.monotonic() - LONGEST_SECONDS
        with self._guard:
            overdue = [request for request, since in self._since.items() if since < late]
        for request in overdue:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def reply(self, method: str, target: str) -> Reply:
        """The answer to a request line."""
        path, _, query = target.partition("?")
        answers: Mapping[str, Callable[[], Reply]] = {
            "/status": lambda: self._made(query, HTML),
            "/status.json": lambda: self._made(query, JSON),
            "/healthz": lambda: _text(HTTPStatus.OK, "ok"),
            "/metrics": lambda: Reply(HTTPStatus.OK, CONTENT_TYPE, metrics.page(self.keeper.tally, time.monotonic())),
        }
        if path not in answers:
            return _text(HTTPStatus.NOT_FOUND, "there are /status, /status.json, /healthz and /metrics")
        if method != "GET":
            return _text(HTTPStatus.METHOD_NOT_ALLOWED, "expected GET")
        return answers[path]()

    def _made(self, query: str, kind: str) -> Reply:
        try:
            made = self.keeper.page(Asked.parse(query, self.views, is_json=kind == JSON))
        except AskedError as error:
            return _text(HTTPStatus.BAD_REQUEST, str(error))
        except BusyError:
            return _text(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are being made; ask again in some seconds")
        except Exception:  # noqa: BLE001  one page that cannot be made must not end the others
            print(traceback.format_exc(), file=sys.stderr)
            return _text(HTTPStatus.INTERNAL_SERVER_ERROR, "the page could not be made: journalctl -u freehold-report")
        return Reply(HTTPStatus.OK, kind, made.body, made.data)


def _text(status: HTTPStatus, text: str) -> Reply:
    return Reply(status, "text/plain; charset=utf-8", f"{text}\n".encode())


class StatusHandler(Handler):
    """One request, one answer, closed."""

    server: StatusServer
    timeout = LONGEST_SECONDS

    def handle(self) -> None:
        """Answer GET."""
        request = self._request()
        self._send(_text(HTTPStatus.BAD_REQUEST, "no request") if request is None else self.server.reply(*request))

    def _send(self, reply: Reply) -> None:
        fields = {
            "Content-Type": reply.kind,
            "Content-Length": str(len(reply.body)),
            **GUARDED,
            **({"X-Freehold-Data": reply.data} if reply.data else {}),
            "Connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.wfile.write(f"HTTP/1.1 {reply.status.value} {reply.status.phrase}\r\n{head}\r\n".encode() + reply.body)
