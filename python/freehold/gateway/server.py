"""The process: sockets, connections, the metrics listener, readiness, watchdog, drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server

from freehold.errors import FreeholdError
from freehold.gateway import frontier
from freehold.gateway.app import build
from freehold.gateway.authority import desk, role
from freehold.gateway.authority.role import Role
from freehold.gateway.books import Books, opened
from freehold.gateway.config import GatewayConfig, Listen
from freehold.gateway.exchange import Cut
from freehold.gateway.front import AccessLog, Front
from freehold.gateway.gate import Gate
from freehold.gateway.listening import Inherited, cannot_listen, keep_from_hanging, taken
from freehold.gateway.mesh import MeshDoor
from freehold.gateway.metrics import Metrics
from freehold.gateway.protocol import Connection, Guard
from freehold.gateway.recorder import LedgerRecorder
from freehold.gateway.routing.fleet import Fleet
from freehold.gateway.status.page import Status
from freehold.gateway.upstream import Upstream
from freehold.service.notify import Supervisor

if TYPE_CHECKING:
    from freehold.gateway.frontier.valve import Valve

BACKLOG = 1024
PING_SECONDS = 10.0
LOOK_SECONDS = 1.0
DAY_SECONDS = 86_400.0

defects = logging.getLogger("freehold.gateway")

LAST_CALL_SECONDS = 1.0
"""How long a drain leaves idle connections open: what comes on one is answered, and hears that it was the last."""

FAREWELL_SECONDS = 2.0
"""How long an answer that is ended by the drain has to say so."""


@dataclass(frozen=True)
class Addresses:
    """Where the gateway listens, once it does; tests ask for port 0."""

    public: tuple[str, int]
    metrics: tuple[str, int]
    mesh: tuple[str, int] | None = None


@dataclass
class Doors:
    """The listeners and what came in through them; the mesh's (``lasting``) stay open until the drain is over."""

    guard: Guard
    servers: list[asyncio.Server]
    models: tuple[str, ...]
    lasting: list[asyncio.Server] = field(default_factory=list)

    async def open(self, listener: socket.socket) -> None:
        """Serve a listener without TLS."""
        loop = asyncio.get_running_loop()
        self.servers.append(await loop.create_server(self.connection, sock=listener, backlog=BACKLOG))

    def connection(self) -> Connection:
        """Make the protocol of a new connection."""
        return Connection(self.guard)

    async def drain(self) -> None:
        """Take no more, finish what is open; what is not finished after ``drain_seconds`` is told so and cut.

        Clients that come meanwhile wait in the queue of the socket that systemd holds. Other gateways are answered that
        they had better ask elsewhere, since they can.
        """
        seconds = float(self.guard.limits.drain_seconds)
        self.guard.ending.set()
        for server in self.servers:
            server.close()
        end = asyncio.get_running_loop().time() + seconds
        await self._each(Connection.last_call, min(LAST_CALL_SECONDS, seconds / 2))
        await self._each(Connection.shutdown, end - asyncio.get_running_loop().time())
        await self._each(lambda connection: connection.cancel(Cut.DRAIN), FAREWELL_SECONDS)
        await self._each(Connection.abort, FAREWELL_SECONDS)
        for server in self.lasting:
            server.close()

    async def _each(self, what: Callable[[Connection], None], seconds: float) -> None:
        for connection in list(self.guard.connections):
            what(connection)
        if self.guard.connections or self.guard.tasks:
            self.guard.emptied.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.guard.emptied.wait(), seconds)


async def serve(
    config: GatewayConfig,
    internal_key: str,
    *,
    ending: asyncio.Event,
    supervisor: Supervisor,
    listening: asyncio.Future[Addresses] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """Serve until ``ending`` is set; then take no more, finish what is open, at most ``drain_seconds``."""
    registry = CollectorRegistry()
    metrics, inherited = Metrics(registry, config.simulated), Inherited.from_environment(environ)
    public = await taken(inherited, config.listen)
    keep_from_hanging(public, config.limits)
    mesh = MeshDoor.at(config, inherited) if config.mesh else None
    inherited.check_all_taken()
    fleet = Fleet.of(config, environ)
    upstream = Upstream(internal_key, config.limits, fleet.keeper)
    books = opened(config.ledger, config.keys, follows=not config.is_authority)
    part = role.opened(config, books, fleet)
    valve = frontier.opened(config, books, registry, environ, part.leases)
    status = Status.of(config, fleet, books)
    parts = Parts(metrics, upstream, AccessLog(), books, fleet, part, valve, status)
    doors = _doors(config, parts)
    addresses = public.getsockname()
    with (
        _metrics_listener(config.metrics, registry) as metrics_address,
        contextlib.closing(parts.books),
        contextlib.closing(parts.role),
        contextlib.closing(parts.log),
        contextlib.closing(upstream),
        contextlib.closing(status) if status else contextlib.nullcontext(),
    ):
        await doors.open(public)
        if mesh is not None:
            # The same doors for both, so that limits, drain and counters are the same whichever way a client came.
            doors.lasting.append(await mesh.open(doors.connection))
        if listening is not None:
            listening.set_result(Addresses(addresses, metrics_address, mesh.address if mesh else None))
        await _supervised(doors, mesh, ending, supervisor, parts)


@dataclass(frozen=True)
class Parts:
    """What lives as long as the process and is shared by all requests."""

    metrics: Metrics
    upstream: Upstream
    log: AccessLog
    books: Books
    fleet: Fleet
    role: Role
    valve: Valve | None = None
    status: Status | None = None


def _doors(config: GatewayConfig, parts: Parts) -> Doors:
    gate = Gate(config.limits)
    replicas = parts.fleet.replicas
    app = build(config, parts.upstream, gate, parts.books, replicas, valve=parts.valve, status=parts.status)
    recorders = (parts.metrics, parts.log, LedgerRecorder(parts.books, config.node))
    front = Front(parts.role.desk(app), recorders, quiet=desk.PATHS)
    guard = Guard(config.limits, parts.metrics, front.serve)
    parts.metrics.watch_books(parts.books)
    parts.metrics.watch_replicas(parts.fleet.replicas)
    parts.metrics.watch_role(parts.role)
    parts.metrics.watch(lambda: len(guard.connections), [model.name for model in config.models], gate.open)
    return Doors(guard, [], tuple(model.name for model in config.models))


async def _supervised(
    doors: Doors, mesh: MeshDoor | None, ending: asyncio.Event, supervisor: Supervisor, parts: Parts
) -> None:
    books = parts.books
    books_state = f", without a ledger: {books.problem.code}" if isinstance(books.problem, FreeholdError) else ""
    supervisor.ready(f"serving {len(doors.models)} models to {len(books.keys)} keys{books_state}")
    # A ping from the event loop itself: a loop that hangs does not ping.
    beside = [asyncio.create_task(_ping(supervisor)), asyncio.create_task(_keep(books, parts.fleet)),
              asyncio.create_task(parts.role.run())]  # fmt: skip
    if mesh is not None:
        beside.append(asyncio.create_task(mesh.watch(doors.guard.connections)))
    try:
        await ending.wait()
        supervisor.stopping("finishing open answers")
        await doors.drain()
    finally:
        if parts.valve is not None:
            await parts.valve.close()
        for task in beside:
            task.cancel()
    await parts.role.farewell()


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


async def _keep(books: Books, fleet: Fleet) -> None:
    """See within a second what a command did to the keys, and which nodes there are; once a day prune."""
    loop, pruned = asyncio.get_running_loop(), 0.0
    while True:
        try:
            books.look()
            fleet.look()
            if not pruned or loop.time() - pruned > DAY_SECONDS:
                pruned = loop.time()
                await asyncio.to_thread(books.prune)
        except Exception:  # noqa: BLE001  whatever it was
            # A revoked key must not go on for hours because something else here failed once.
            defects.exception("the look at keys and peers failed, and is tried again")
        await asyncio.sleep(LOOK_SECONDS)


async def _ping(supervisor: Supervisor) -> None:
    while True:
        supervisor.alive()
        await asyncio.sleep(supervisor.ping_seconds(PING_SECONDS))


def log_to_stdout() -> None:
    """Write plain lines: the journal adds the time."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logging.getLogger("freehold").addHandler(handler)
    logging.getLogger("freehold").setLevel(logging.INFO)
