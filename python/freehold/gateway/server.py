"""The process: sockets, uvicorn, the metrics listener, readiness, watchdog, drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from prometheus_client import CollectorRegistry, start_http_server

from freehold.gateway.app import build
from freehold.gateway.config import GatewayConfig, Listen
from freehold.gateway.listening import bind_patiently, cannot_listen
from freehold.gateway.mesh import MeshDoor
from freehold.gateway.metrics import Metrics
from freehold.gateway.protocol import Guard, factory, keep_from_hanging
from freehold.service.notify import Supervisor

BACKLOG = 1024
PING_SECONDS = 10.0


@dataclass(frozen=True)
class Addresses:
    """Where the gateway listens, once it does; tests ask for port 0."""

    public: tuple[str, int]
    metrics: tuple[str, int]
    mesh: tuple[str, int] | None = None


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, since :func:`serve` has its own, and with a word when it listens."""

    def __init__(self, config: uvicorn.Config, door: MeshDoor | None = None) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.door = door

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.door is not None:
            # One server for both, so that limits, drain and counters are the same whichever way a client came.
            self.servers.append(await self.door.open(self._protocol))
        self.listening.set()

    def _protocol(self) -> asyncio.Protocol:
        made = cast("Any", self.config.http_protocol_class)
        return cast(
            "asyncio.Protocol",
            made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state),
        )


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
    door = MeshDoor.at(config) if config.mesh else None
    with _metrics_listener(config.metrics, registry) as metrics_address:
        server = _Server(_uvicorn_config(config, internal_key, metrics), door)
        running = asyncio.create_task(server.serve(sockets=[public]))
        await _first(server.listening.wait(), running)
        if listening is not None:
            listening.set_result(Addresses(public.getsockname(), metrics_address, door.address if door else None))
        await _supervised(server, running, ending, supervisor, config)


async def _supervised(
    server: _Server, running: asyncio.Task[None], ending: asyncio.Event, supervisor: Supervisor, config: GatewayConfig
) -> None:
    supervisor.ready(f"serving {len(config.models)} models to {len(config.keys)} keys")
    # A ping from the event loop itself: a loop that hangs does not ping.
    pinging = asyncio.create_task(_ping(supervisor))
    watching = asyncio.create_task(server.door.watch(server.server_state.connections)) if server.door else None
    try:
        await _first(ending.wait(), running)
        supervisor.stopping("finishing open answers")
        server.should_exit = True
        await running
    finally:
        pinging.cancel()
        if watching is not None:
            watching.cancel()


@contextlib.contextmanager
def _metrics_listener(listen: Listen, registry: CollectorRegistry) -> Iterator[tuple[str, int]]:
    try:
        server, thread = start_http_server(listen.port, listen.host, registry)
    except OSError as error:
        raise cannot_listen(listen, error) from error
    try:
        yield listen.host, server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
