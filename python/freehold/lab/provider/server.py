"""The stand-in's server. It writes down each request that came, and behaves as a file tells it to.

Run as ``python -m freehold.lab.provider.server '{"address": …, "port": …, "folder": …, "key": …}'``. The folder holds
``tls.pem`` (certificate and key), ``behaviour.json`` (read at each request; see :class:`Behaviour`), and
``requests.jsonl``, which this server writes; ``key`` is the file with what callers must show.
"""

from __future__ import annotations

import hmac
import json
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from freehold.lab.provider.answers import CHAT, MESSAGES, answer, error

BEHAVIOUR, REQUESTS, TLS = "behaviour.json", "requests.jsonl", "tls.pem"
LONGEST_SECONDS = 60.0
SILENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Behaviour:
    """What goes wrong on purpose. ``seconds`` pass before the answer, ``between`` before each piece of a stream.

    ``status`` is answered in place of an answer; a stream breaks after ``pieces``; ``mute``: the request is taken and
    the connection closed without a word; ``dark``: a connection is closed before anything is said, by either.
    """

    seconds: float = 0.0
    between: float = 0.0
    status: int = 200
    pieces: int | None = None
    mute: bool = False
    dark: bool = False


def behaviour(folder: Path) -> Behaviour:
    """The one in force."""
    path = folder / BEHAVIOUR
    return Behaviour(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else Behaviour()


class Server(ThreadingHTTPServer):
    """Listens with TLS, one thread for a connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: str, port: int, folder: Path, key: str) -> None:
        super().__init__((address, port), Handler)
        self.folder, self.key, self.writing = folder, key, threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / TLS)
        # The handshake belongs to the connection's own thread: a client that is slow with it holds up nobody else.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def verify_request(self, request: object, client_address: object) -> bool:
        """Close the connection at once where that is the behaviour."""
        del request, client_address
        if not behaviour(self.folder).dark:
            return True
        self.note({"at": time.time(), "path": "", "headers": [], "body": None})
        return False

    def note(self, row: dict[str, Any]) -> None:
        """Write down what came, before anything is answered."""
        with self.writing, (self.folder / REQUESTS).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = SILENCE_SECONDS
    server: Server

    def do_POST(self) -> None:
        """Answer one of the two protocols."""
        length = int(self.headers.get("content-length", "0"))
        body = json.loads(self.rfile.read(length))
        shown = self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")
        names = sorted(name.lower() for name in self.headers)
        self.server.note({"at": time.time(), "path": self.path, "headers": names, "body": body})
        now = behaviour(self.server.folder)
        time.sleep(min(now.seconds, LONGEST_SECONDS))
        if now.mute or now.dark:  # dark: a connection that was kept from before
            self.close_connection = True
        elif not hmac.compare_digest(shown, self.server.key):
            self._json(401, error(self.path, 401))
        elif self.path not in {CHAT, MESSAGES}:
            self._json(404, error(self.path, 404))
        elif now.status != 200:  # noqa: PLR2004  said so in Behaviour
            self._json(now.status, error(self.path, now.status))
        elif body.get("stream"):
            self._stream(body, now)
        else:
            self._json(200, answer(self.path, body).whole)

    def log_message(self, *_: object) -> None:
        """Say nothing: requests are on record."""

    def _json(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, body: dict[str, Any], now: Behaviour) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, piece in enumerate(answer(self.path, body).events()):
            if number == now.pieces:
                self.close_connection = True
                return
            time.sleep(min(now.between, LONGEST_SECONDS))
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


def main(task: str) -> None:
    """Serve until killed."""
    words = json.loads(task)
    key = Path(words["key"]).read_text(encoding="ascii").strip()
    Server(words["address"], words["port"], Path(words["folder"]), key).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
