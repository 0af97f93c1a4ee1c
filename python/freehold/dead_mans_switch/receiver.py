"""Where beats arrive: POST /beat by mutual TLS, from monitors that are waited for, in a small body."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any

from freehold.dead_mans_switch.beat import NoBeatError, is_beat
from freehold.errors import RefusedError
from freehold.exporter.server import MOST_HEADER_BYTES, Handler, Secure, Server
from freehold.exporter.service import address
from freehold.service.tls import TlsKeeper, name_of

ALLOWED = frozenset({"monitor"})
PAGE = "/beat"
MOST_BODY_BYTES = 64 * 1024
"""Alertmanager's message of one alert is about 1 KiB."""
LENGTH = re.compile(rb"content-length:[ \t]*([0-9]{1,9})[ \t]*", re.IGNORECASE)


class Receiver(Server):
    """``monitors`` are those that are waited for; ``take`` is called with the name of each that beats."""

    def __init__(
        self, listen: tuple[str, int], secure: Secure, monitors: Container[str], take: Callable[[str], None]
    ) -> None:
        self.monitors, self.take = monitors, take
        super().__init__(listen, {}, secure)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """One beat, in the place of one page."""
        BeatHandler(request, client_address, self)


class BeatHandler(Handler):
    """One request, one answer, closed. Time and connections are bounded by the server."""

    server: Receiver
    allowed = "POST"

    def handle(self) -> None:
        """Who it is comes from the certificate; what the body says of itself counts for nothing."""
        let_in = self._is_let_in()
        request = self._head()
        if request is None or not let_in:
            self._answer(400 if request is None else 403)
            return
        method, path, length = request
        if path != PAGE or method != "POST":
            self._answer(404 if path != PAGE else 405)
        elif length > MOST_BODY_BYTES:
            self._answer(400)
        else:
            self._answer(self._took(length))

    def _took(self, length: int) -> int:
        monitor = name_of(self.request.getpeercert(), "monitor")
        if monitor not in self.server.monitors:
            return 403
        body = self.rfile.read(length)
        try:
            beats = len(body) == length and is_beat(body)
        except NoBeatError:
            return 400
        if beats:
            self.server.take(monitor)
        return 200 if len(body) == length else 400

    def _head(self) -> tuple[str, str, int] | None:
        """Method, path and length of the body; None for what is no such request."""
        words = self.rfile.readline(MOST_HEADER_BYTES).decode("latin-1").split()
        left, length = MOST_HEADER_BYTES, 0
        while left > 0:
            line = self.rfile.readline(left)
            if line in {b"\r\n", b"\n"}:
                break
            left = left - len(line) if line else 0
            if found := LENGTH.fullmatch(line.rstrip(b"\r\n")):
                length = int(found[1])
        whole = left > 0 and len(words) == len(("POST", "/", "HTTP/1.1")) and words[2].startswith("HTTP/1.")
        return (words[0], words[1].partition("?")[0], length) if whole else None


def listen_at(listen: str, keeper: TlsKeeper, monitors: Container[str], take: Callable[[str], None]) -> Receiver:
    """A receiver. Raises :class:`RefusedError` when the address cannot be had."""
    try:
        return Receiver(address(listen), Secure(keeper, ALLOWED), monitors, take)
    except OSError as error:
        raise RefusedError(
            "SWITCH_ADDRESS", listen, str(error), expected="a free address of this machine", fix="choose another port"
        ) from error
