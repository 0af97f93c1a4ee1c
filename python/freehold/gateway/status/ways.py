"""Where the page comes from: the report service of this node, over loopback; or a monitor's gateway, over the mesh."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from freehold.gateway.client import Connection, LostError, UnreachedError
from freehold.gateway.pool import Address, Pool, Secure
from freehold.gateway.routing.fleet import Fleet
from freehold.gateway.upstream import address_of

CONNECT_SECONDS, SILENCE_SECONDS = 2.0, 8.0
MOST_BYTES = 2 * 1024 * 1024
MESH = "/freehold"
"""Before the path, where a node asks a monitor's gateway."""


class DarkError(Exception):
    """There is no page to be had this way; the text says why, and what to look at."""


@dataclass(frozen=True)
class Answer:
    """A whole answer of at most :data:`MOST_BYTES`."""

    status: int
    body: bytes


class Way(Protocol):
    """One way to the page."""

    async def get(self, path: str, query: str) -> Answer:
        """Ask for ``path``. Raises :class:`DarkError`; it takes as long as its caller lets it."""

    def dark(self, why: str) -> DarkError:
        """That there was no answer, in words."""

    def close(self) -> None:
        """Close what rests."""


def _pool() -> Pool:
    return Pool(CONNECT_SECONDS, SILENCE_SECONDS)


@dataclass(frozen=True)
class Loopback:
    """The report service of this node; ``url`` is a loopback literal."""

    node: str
    url: str
    pool: Pool = field(default_factory=_pool)

    async def get(self, path: str, query: str) -> Answer:
        """Ask the service."""
        head = _head(f"{path}?{query}" if query else path, self.url.removeprefix("http://"))
        try:
            return await _asked(self.pool, address_of(self.url), head, None)
        except (LostError, OSError) as error:
            raise self.dark(_why(error)) from error

    def dark(self, why: str) -> DarkError:
        """Names the service."""
        where = f" on {self.node}" if self.node else ""
        return DarkError(
            f"The report service does not answer ({why}): look at systemctl status freehold-report{where}."
        )

    def close(self) -> None:
        """Close what rests."""
        self.pool.close()


@dataclass(frozen=True)
class OverMesh:
    """The gateway of ``monitor``, by mutual TLS; its address is in the file of peers."""

    fleet: Fleet
    monitor: str
    pool: Pool = field(default_factory=_pool)

    async def get(self, path: str, query: str) -> Answer:
        """Ask the monitor's gateway."""
        peer, keeper = self.fleet.peer(self.monitor), self.fleet.keeper
        if peer is None or keeper is None:
            raise self.dark("its address is not among the peers")
        target = f"{MESH}{path}?{query}" if query else f"{MESH}{path}"
        try:
            return await _asked(
                self.pool, address_of(peer.url), _head(target, peer.node), Secure(keeper.context, peer.node)
            )
        except (LostError, OSError) as error:
            raise self.dark(_why(error)) from error

    def dark(self, why: str) -> DarkError:
        """Names the monitor."""
        what = f"systemctl status freehold-gateway on {self.monitor}, and freehold mesh status"
        return DarkError(f"The gateway of the monitor {self.monitor} does not answer ({why}): look at {what}.")

    def close(self) -> None:
        """Close what rests."""
        self.pool.close()


def _why(error: Exception) -> str:
    reached = "there is no connection" if isinstance(error, UnreachedError) else "the connection broke"
    return str(error) or reached


def _head(target: str, host: str) -> bytes:
    # No connection is kept: a page is asked for now and then, and a revoked certificate must not live on in one.
    lines = (f"GET {target} HTTP/1.1", f"host: {host}", "accept-encoding: identity", "connection: close", "", "")
    return "\r\n".join(lines).encode("ascii")


async def _asked(pool: Pool, address: Address, head: bytes, secure: Secure | None) -> Answer:
    answer: Connection = await pool.ask(address, head, b"", secure)
    try:
        body = await answer.whole(MOST_BYTES)
    finally:
        pool.release(address, answer)
    if len(body) > MOST_BYTES:
        raise LostError(f"its page has more than {MOST_BYTES} bytes")
    return Answer(answer.status, body)
