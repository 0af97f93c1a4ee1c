"""The exporter as a service: sampler, server, systemd, signals."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Mapping, Sequence

from freehold.errors import FreeholdError, RefusedError, UsageError
from freehold.exporter.options import DEFAULT_LISTEN
from freehold.exporter.page import page
from freehold.exporter.sampler import Reader, Sampler
from freehold.exporter.server import Page, Secure, Server
from freehold.exporter.units import Units
from freehold.service.notify import Supervisor

HIGHEST_PORT = 65535
SHORTEST_INTERVAL = 0.1
LONGEST_NAP_SECONDS = 5.0
"""A thread that ended is seen after this, however patient the watchdog is."""

LOOK_AROUND_SECONDS = 1.0
"""How often the server looks for connections that take too long, and for its end; each look costs a wake-up."""


def address(listen: str) -> tuple[str, int]:
    """``host:port`` or ``[host]:port``. Raises :class:`UsageError`."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdecimal() and int(port) <= HIGHEST_PORT):
        raise UsageError("EXPORTER_LISTEN", "--listen", listen, expected="host:port", fix=f"--listen {DEFAULT_LISTEN}")
    return host, int(port)


def serve(reader: Reader, listen: str, interval: float, stop: threading.Event | None = None) -> None:
    """Serve until SIGTERM or SIGINT (or ``stop``). Raises :class:`RefusedError` if the address cannot be had."""
    if not interval >= SHORTEST_INTERVAL:  # "not a number" is not either
        raise UsageError("EXPORTER_INTERVAL", "--interval", str(interval), expected=f"at least {SHORTEST_INTERVAL} s")
    stop = until_signal() if stop is None else stop
    sampler = Sampler(reader, interval, socket.gethostname(), units_of=Units().of)
    server = bind(
        listen,
        {
            "/metrics": lambda: page(sampler.latest, time.monotonic(), interval),
            "/healthz": lambda: b"ok\n",
        },
    )
    sampling = threading.Thread(target=sampler.run, name="sampler", daemon=True)
    broken = FreeholdError("EXPORTER_BROKEN", listen, "a thread of the exporter ended", fix="its traceback is above")
    try:
        run([server], [sampling], stop, broken, look_around=min(LOOK_AROUND_SECONDS, interval))
    except FreeholdError:
        raise (_old_library() if sampler.library_is_old else broken) from None
    finally:
        sampler.stop()


def _old_library() -> FreeholdError:
    return FreeholdError(
        "EXPORTER_LIBRARY",
        "libnvidia-ml.so.1",
        "the driver in the kernel is another one than the library in this process",
        why="the driver was replaced while the exporter ran; only a new process loads the new library",
        fix="none: systemd starts the exporter anew",
    )


def bind(listen: str, pages: Mapping[str, Page], secure: Secure | None = None) -> Server:
    """A server at ``listen``. Raises :class:`RefusedError` when the address cannot be had."""
    try:
        return Server(address(listen), pages, secure)
    except OSError as error:
        raise RefusedError(
            "EXPORTER_ADDRESS", listen, str(error), expected="a free address of this machine", fix="--listen host:port"
        ) from error


def until_signal() -> threading.Event:
    """What SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run(
    servers: Sequence[Server],
    others: Sequence[threading.Thread],
    stop: threading.Event,
    broken: FreeholdError,
    *,
    look_around: float = LOOK_AROUND_SECONDS,
) -> None:
    """Serve, and let ``others`` work, until ``stop``; a thread that ends before is ``broken``, which is raised."""
    supervisor, poll = Supervisor.from_environment(), {"poll_interval": look_around}
    serving = [threading.Thread(target=server.serve_forever, kwargs=poll, daemon=True) for server in servers]
    for thread in (*serving, *others):
        thread.start()
    supervisor.ready("serving")
    _stand_by(stop, (*serving, *others), supervisor)
    supervisor.stopping("on its way out")
    for server in servers:
        server.shutdown()
        server.server_close()
    if not stop.is_set():
        raise broken


def _stand_by(stop: threading.Event, threads: Sequence[threading.Thread], supervisor: Supervisor) -> None:
    """Wait for ``stop``, or for a thread that ended; tell the watchdog meanwhile."""
    # The watchdog watches what a restart can mend: that the threads live. A hung driver is shown on the page instead.
    nap = min(LONGEST_NAP_SECONDS, supervisor.ping_seconds(LONGEST_NAP_SECONDS))
    while all(thread.is_alive() for thread in threads) and not stop.wait(nap):
        supervisor.alive()
