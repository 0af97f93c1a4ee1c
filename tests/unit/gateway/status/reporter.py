"""A report service on loopback that answers as a test wants it to, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = b"<!DOCTYPE html><title>the fleet</title>"


@dataclass
class Reporter:
    """``released`` lets a slow answer go on."""

    status: int = 200
    body: bytes = PAGE
    slow: bool = False
    seen: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def reset(self) -> None:
        """As it was made."""
        self.released.set()  # who still waits from before
        self.status, self.body, self.slow, self.released = 200, PAGE, False, threading.Event()
        self.seen, self.heads = [], []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def reporting() -> Iterator[Reporter]:
    """The service for the length of a ``with``."""
    reporter = Reporter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reporter.seen.append(self.path)
            reporter.heads.append(str(self.headers))
            if reporter.slow:
                reporter.released.wait(10)
            self.send_response(reporter.status)
            self.send_header("Content-Length", str(len(reporter.body)))
            self.send_header("Set-Cookie", "tracked=1")
            self.end_headers()
            try:
                self.wfile.write(reporter.body)
            except ConnectionError:
                return

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    reporter.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield reporter
    finally:
        reporter.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
