"""The way from a follower to the authority: one question, one answer, over a kept connection by mutual TLS."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from freehold.errors import UnknownStateError
from freehold.gateway.client import LostError
from freehold.gateway.pool import Pool, Secure
from freehold.gateway.routing.fleet import Fleet
from freehold.gateway.upstream import OK, address_of, json_object

CONNECT_SECONDS, SILENCE_SECONDS, IDLE_SECONDS = 2.0, 4.0, 10.0
"""A connection rests for about a second between two questions; after an outage it is made anew."""

MOST_BYTES = 64 * 1024 * 1024
"""The whole table of keys is some 400 bytes each."""


@dataclass
class Line:
    """Asks ``authority``, whose address is in the file of peers."""

    fleet: Fleet
    authority: str
    _pool: Pool = field(default_factory=lambda: Pool(CONNECT_SECONDS, SILENCE_SECONDS, IDLE_SECONDS))
    _trust: str = ""

    async def ask(self, path: str, body: bytes, seconds: float) -> bytes:
        """The answer's body. Raises :class:`UnknownStateError` where there is none within ``seconds``, or a refusal."""
        try:
            async with asyncio.timeout(seconds):
                return await self._asked(path, body)
        except (LostError, OSError) as error:  # TimeoutError is one
            raise self._silent(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Close what rests."""
        self._pool.close()

    async def _asked(self, path: str, body: bytes) -> bytes:
        peer, keeper = self.fleet.peer(self.authority), self.fleet.keeper
        if peer is None or keeper is None:
            raise self._silent("its address is not among the peers")
        keeper.context()
        if keeper.trust != self._trust:  # who was let in before may be revoked now
            self._pool.close()
            self._trust = keeper.trust
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {peer.node}\r\ncontent-type: application/json\r\n"
            f"accept-encoding: identity\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        address = address_of(peer.url)
        answer = await self._pool.ask(address, head.encode(), body, Secure(keeper.context, peer.node))
        try:
            said = await answer.whole(MOST_BYTES)
            if answer.status != OK:
                told = json_object(said).get("error")
                message = told.get("message") if isinstance(told, dict) else ""
                raise self._silent(f"status {answer.status}: {str(message)[:300]}")
            return said
        finally:
            self._pool.release(address, answer)

    def _silent(self, found: str) -> UnknownStateError:
        return UnknownStateError(
            "AUTHORITY_SILENT",
            f"the gateway of {self.authority}",
            found,
            expected="an answer over the mesh",
            why="keys that are known open on; changes of them wait, and nothing leaves once its leases end",
            fix=f"freehold status; freehold mesh status; the journal of freehold-gateway on {self.authority}",
        )
