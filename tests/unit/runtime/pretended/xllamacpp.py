"""Pretends to be xllamacpp where the real one is not installed: the same two names, a real HTTP server behind them.

``alias`` steers it: ``slow`` never finishes loading, ``broken`` refuses the model, ``mute`` loads but is never healthy.
"""

from __future__ import annotations

import http.server
import threading
from types import SimpleNamespace
from typing import Any


class CommonParams(SimpleNamespace):
    """Takes every field, as the real one takes its own."""

    def __init__(self) -> None:
        nested = {name: SimpleNamespace() for name in ("model", "cpuparams", "cpuparams_batch")}
        super().__init__(**nested)


class Server:
    """Listens while it lives."""

    def __init__(self, params: Any) -> None:
        (alias,) = params.model_alias
        if alias == "broken":
            raise RuntimeError("Failed to init server, please check the input params.")
        if alias == "slow":
            threading.Event().wait()
        status = 503 if alias == "mute" else 200
        handler = type("Handler", (_Handler,), {"status": status})
        self._server = http.server.ThreadingHTTPServer((params.hostnames[0], params.port), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/health" else 401)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Stay quiet."""
