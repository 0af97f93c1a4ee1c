"""The connections to the runtimes of this node: loopback literals only, no proxy, no redirect, no resolver."""

from __future__ import annotations

import json
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, NoReturn
from urllib.parse import urlsplit

from freehold.gateway.client import Connection, LostError
from freehold.gateway.config import Limits, Model
from freehold.gateway.exchange import Exchange
from freehold.gateway.pool import Address, Pool, Secure
from freehold.gateway.refusals import malformed, runtime_down, runtime_failed, runtime_loading
from freehold.gateway.routing.replicas import Replica
from freehold.service.tls import TlsKeeper

LONGEST_ERROR = 64 * 1024
CLIENT_ERRORS = frozenset({400, 408, 409, 413, 415, 422, 429})
"""Other statuses from 400 to 499 are between gateway and runtime (401: the internal key is wrong): a caller who heard
them would doubt its own key or path."""

TOO_LONG = (
    "is too large to process",
    "is larger than the max context size",
    "exceeds the available context size",
    "maximum context length is",
)
"""How llama.cpp and (the last) vLLM say that a text does not fit; of an encoder's batch llama.cpp says so with 500."""

OK, LOADING, OVERLOADED = 200, 503, 529

HOP = "x-freehold-hop"
"""Names the caller's key to the gateway that answers for another one: it asks its own runtime and nobody else."""


class Upstream:
    """All runtimes of this node, and the other nodes' gateways; without ``keeper`` there are none."""

    def __init__(self, internal_key: str, limits: Limits, keeper: TlsKeeper | None = None) -> None:
        self._keeper = keeper
        self._headers = (
            f"authorization: Bearer {internal_key}\r\ncontent-type: application/json\r\naccept-encoding: identity\r\n"
        )
        self._pool = Pool(limits.connect_seconds, limits.silence_seconds)

    def close(self) -> None:
        """Close every connection that rests."""
        self._pool.close()

    async def post(self, model: Model, path: str, body: bytes, exchange_id: str) -> Connection:
        """Send a request; the answer is a good one, the caller's to read and to :meth:`release`.

        Raises a refusal for a runtime that fails or is not there.
        """
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {model.url.removeprefix('http://')}\r\n{self._headers}"
            f"x-request-id: {exchange_id}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        try:
            answer = await self._pool.ask(address_of(model.url), head.encode(), body)
        except (LostError, OSError) as error:
            raise runtime_down(model.name) from error
        return await self._good(answer, model, address_of(model.url))

    async def post_peer(self, peer: Replica, model: Model, path: str, body: bytes, exchange: Exchange) -> Connection:
        """Send a request to another node's gateway, which answers with its own runtime; as :meth:`post`."""
        if self._keeper is None:
            raise runtime_down(model.name)
        host, port = address_of(peer.url)
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {peer.node}\r\ncontent-type: application/json\r\n"
            f"accept-encoding: identity\r\n{HOP}: {exchange.key}\r\n"
            f"x-request-id: {exchange.id}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        try:
            secure = Secure(self._keeper.context, peer.node)
            answer = await self._pool.ask((host, port), head.encode(), body, secure)
        except (LostError, OSError) as error:
            raise runtime_down(model.name) from error
        return await self._good(answer, model, (host, port))

    async def _good(self, answer: Connection, model: Model, address: Address) -> Connection:
        if answer.status != OK:
            try:
                await _refuse(model, answer)
            finally:
                self._pool.release(address, answer)
        return answer

    def release(self, url: str, answer: Connection) -> None:
        """Keep the connection for another request, or close it where its answer was not read to the end."""
        self._pool.release(address_of(url), answer)


@lru_cache
def address_of(url: str) -> Address:
    """Return host and port of a URL whose host is a literal address: it was judged when the settings were read."""
    parts = urlsplit(url)
    host = str(ip_address(parts.hostname or ""))  # raises for a name: a name would be a way out of the node
    return host, parts.port or 80


async def _refuse(model: Model, answer: Connection) -> NoReturn:
    if answer.status in {LOADING, OVERLOADED}:
        raise runtime_loading(model.name)
    error = await _error_of(answer)
    message = str(error.get("message") or "")
    refusal = malformed(message, reason="runtime_refused")
    refusal.type = str(error.get("type") or refusal.type)
    if any(words in message for words in TOO_LONG):
        refusal.code = "context_length_exceeded"
    elif answer.status in CLIENT_ERRORS and message:
        refusal.status = answer.status
    else:
        refusal = runtime_failed(model.name, answer.status)
    raise refusal


async def _error_of(answer: Connection) -> dict[str, Any]:
    try:
        error = json_object(await answer.whole(LONGEST_ERROR)).get("error")
    except LostError:
        return {}
    return error if isinstance(error, dict) else {}


def json_object(raw: bytes) -> dict[str, Any]:
    """Return a runtime's answer as an object; empty where it is none."""
    try:
        answer = json.loads(raw)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
