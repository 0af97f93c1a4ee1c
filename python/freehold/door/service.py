"""The door as a service: one listener for each port of the mesh, systemd, signals."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from freehold.door.relay import Relay
from freehold.errors import FreeholdError, UsageError
from freehold.exporter import service as exporter
from freehold.exporter.server import Page, Secure, Server
from freehold.service.tls import TlsFiles, TlsKeeper

ALLOWED = ("monitor", "control")


def listeners(relays: Sequence[Relay]) -> dict[str, dict[str, Page]]:
    """The pages of each address, the door's own among them. A page given twice raises :class:`UsageError`."""
    found: dict[str, dict[str, Page]] = {}
    for relay in relays:
        pages = found.setdefault(relay.listen, {"/healthz": lambda: b"ok\n"})
        if relay.page in pages:
            raise UsageError("DOOR_PAGE_TWICE", "--relay", f"{relay.listen}{relay.page}", expected="each page once")
        pages[relay.page] = relay.fetch
    return found


def open_servers(relays: Sequence[Relay], files: TlsFiles, allowed: Sequence[str] = ALLOWED) -> list[Server]:
    """Take all addresses, or none. Raises :class:`RefusedError` and :class:`UsageError`."""
    asked = listeners(relays)
    secure, servers = Secure(TlsKeeper(files), frozenset(allowed)), list[Server]()
    try:
        for listen, pages in asked.items():
            servers.append(exporter.bind(listen, pages, secure))
    except FreeholdError:
        for server in servers:
            server.server_close()
        raise
    return servers


def serve(relays: Sequence[Relay], files: TlsFiles, stop: threading.Event | None = None) -> None:
    """Serve until SIGTERM or SIGINT (or ``stop``)."""
    stop = exporter.until_signal() if stop is None else stop
    broken = FreeholdError("DOOR_BROKEN", "metrics door", "a thread of it ended", fix="its traceback is above")
    exporter.run(open_servers(relays, files), (), stop, broken)
