"""The process: sockets, uvicorn, the metrics listener, readiness, watchdog, drain."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from prometheus_client import CollectorRegistry, start_http_server

from freehold.errors import RefusedError
from freehold.gateway.app import build
from freehold.gateway.config import GatewayConfig, Listen
from freehold.gateway.metrics import Metrics
from freehold.gateway.protocol import Guard, factory, keep_from_hanging
from freehold.service.notify import Supervisor

BACKLOG = 1024
PING_SECONDS = 10.0
ADDRESS_SECONDS = 20.0
ADDRESS_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Addresses:
    """Where the gateway listens, once it does; tests ask for port 0."""

    public: tuple[str, int]
    metrics: tuple[str, int]


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, since :func:`serve` has its own, and with a word when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


async def serve(
    config: GatewayConfig,
    internal_key: str,
    *,
    ending: asyncio.Event,
    supervisor: Supervisor,
    listening: asyncio.Future[Addresses] | None = None,
) -> None:
    """Serve until ``ending`` is set; then take no more, finish what is open, at most ``drain_seconds``."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, config.simulated)
    public = await bind_patiently(config.listen)
    keep_from_hanging(public, config.limits)
    with _metrics_listener(config.metrics, registry) as metrics_address:
        server = _Server(_uvicorn_config(config, internal_key, metrics))
        running = asyncio.create_task(server.serve(sockets=[public]))
        await _first(server.listening.wait(), running)
        if listening is not None:
            listening.set_result(Addresses(public.getsockname(), metrics_address))
        await _supervised(server, running, ending, supervisor, config)


async def _supervised(
    server: _Server, running: asyncio.Task[None], ending: asyncio.Event, supervisor: Supervisor, config: GatewayConfig
) -> None:
    supervisor.ready(f"serving {len(config.models)} models to {len(config.keys)} keys")
    # A ping from the event loop itself: a loop that hangs does not ping.
    pinging = asyncio.create_task(_ping(supervisor))
    try:
        await _first(ending.wait(), running)
        supervisor.stopping("finishing open answers")
        server.should_exit = True
        await running
    finally:
        pinging.cancel()


async def bind_patiently(
    listen: Listen, *, seconds: float = ADDRESS_SECONDS, clock: Callable[[], float] = time.monotonic
) -> socket.socket:
    """Take the address; after a boot it may come some seconds later than this service. Raises as :func:`bind`."""
    end = clock() + seconds
    while True:
        try:
            return bind(listen)
        except RefusedError as refusal:
            if refusal.code != "ADDRESS_NOT_HERE" or clock() >= end:
                raise
        await asyncio.sleep(ADDRESS_POLL_SECONDS)


def bind(listen: Listen) -> socket.socket:
    """Take the address; raises :class:`RefusedError` that says what is wrong with it."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((listen.host, listen.port))
    except OSError as error:
        listener.close()
        raise _cannot_listen(listen, error) from error
    listener.setblocking(False)  # noqa: FBT003  the standard library's signature
    return listener


@contextlib.contextmanager
def _metrics_listener(listen: Listen, registry: CollectorRegistry) -> Iterator[tuple[str, int]]:
    try:
        server, thread = start_http_server(listen.port, listen.host, registry)
    except OSError as error:
        raise _cannot_listen(listen, error) from error
    try:
        yield listen.host, server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _cannot_listen(listen: Listen, error: OSError) -> RefusedError:
    return RefusedError(
        "ADDRESS_NOT_HERE" if error.errno == errno.EADDRNOTAVAIL else "PORT_TAKEN",
        f"{listen.host}:{listen.port}",
        error.strerror or str(error),
        expected="an address of this machine with a free port",
        fix=f"find the holder with `ss -tlnp sport = {listen.port}` and the addresses with `ip address`",
    )


def _uvicorn_config(config: GatewayConfig, internal_key: str, metrics: Metrics) -> uvicorn.Config:
    limits = config.limits
    return uvicorn.Config(
        build(config, internal_key, metrics),
        http=cast("Any", factory(Guard(limits, metrics))),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=limits.drain_seconds,
    )


async def _ping(supervisor: Supervisor) -> None:
    while True:
        supervisor.alive()
        await asyncio.sleep(supervisor.ping_seconds(PING_SECONDS))


async def _first(event: Any, running: asyncio.Task[None]) -> None:
    waiting = asyncio.ensure_future(event)
    await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running.done():
        running.result()


def log_to_stdout() -> None:
    """Write plain lines: the journal adds the time."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logging.getLogger("freehold").addHandler(handler)
    logging.getLogger("freehold").setLevel(logging.INFO)
    # uvicorn quotes nothing of a request, but each malformed one would be a warning: a way to fill the journal.
    logging.getLogger("uvicorn").addHandler(handler)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
