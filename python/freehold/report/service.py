"""The status page as a service: pages made of Prometheus' answers, systemd, signals."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from freehold.errors import FreeholdError, RefusedError, UsageError
from freehold.exporter.service import address, run, until_signal
from freehold.report.asked import Asked
from freehold.report.gather import Gathered, gather
from freehold.report.keeper import Keeper, Made
from freehold.report.model import View
from freehold.report.page import Look, page
from freehold.report.prometheus import Place, Prometheus
from freehold.report.twin import document
from freehold.report.web import StatusServer
from freehold.service.addresses import is_loopback


def maker(
    place: Place, fleet: str, runbooks: str, views: tuple[View, ...], clock: Callable[[], float] = time.time
) -> Callable[[Asked], Made]:
    """What makes a page; ``clock`` is the time of the day, UNIX seconds."""

    def make(asked: Asked) -> Made:
        begun = time.monotonic()
        gathered = gather(Prometheus(place), asked.request(views), clock())
        look = Look(fleet, runbooks, asked.is_file)
        body = _twin(gathered, look) if asked.is_json else page(gathered, look).encode()
        done = time.monotonic()
        return Made(body, gathered.data, done, done - begun)

    return make


def _twin(gathered: Gathered, look: Look) -> bytes:
    return json.dumps(document(gathered, look), separators=(",", ":"), allow_nan=False).encode()


def serve(listen: str, prometheus: str, fleet: str, runbooks: str, stop: threading.Event | None = None) -> None:
    """Serve until SIGTERM or SIGINT (or ``stop``). Raises :class:`RefusedError` if the address cannot be had."""
    from freehold.report.panels import VIEWS  # noqa: PLC0415  tests serve views of their own

    place = Place.parse(prometheus)
    stop = until_signal() if stop is None else stop
    server = bind(listen, Keeper(maker(place, fleet, runbooks, VIEWS)), VIEWS)
    broken = FreeholdError("REPORT_BROKEN", listen, "a thread of the service ended", fix="its traceback is above")
    run([server], (), stop, broken)


def bind(listen: str, keeper: Keeper, views: tuple[View, ...]) -> StatusServer:
    """A server at ``listen``. Raises UsageError for one that others reach, RefusedError for one that is taken."""
    if not is_loopback(address(listen)[0]):
        raise UsageError(
            "REPORT_LISTEN",
            "--listen",
            listen,
            expected="an address of loopback",
            why="the page asks for no key; the gateway serves it to those who have one",
            fix="--listen 127.0.0.1:9096",
        )
    try:
        return StatusServer(address(listen), keeper, views)
    except OSError as error:
        raise RefusedError(
            "REPORT_ADDRESS", listen, str(error), expected="a free address of this machine", fix="--listen host:port"
        ) from error
