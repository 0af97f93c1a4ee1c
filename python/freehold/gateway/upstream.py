"""The connections to the runtimes of this node: loopback literals only, no proxy, no redirect, no resolver."""

from __future__ import annotations

import json
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, NoReturn
from urllib.parse import urlsplit

from freehold.gateway.client import Connection, LostError
from freehold.gateway.config import Limits, Model
from freehold.gateway.pool import Address, Pool
from freehold.gateway.refusals import malformed, runtime_down, runtime_failed, runtime_loading

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

OK, LOADING = 200, 503


class Upstream:
    """All runtimes of this node."""

    def __init__(self, internal_key: str, limits: Limits) -> None:
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
        if answer.status != OK:
            try:
                await _refuse(model, answer)
            finally:
                self.release(model, answer)
        return answer

    def release(self, model: Model, answer: Connection) -> None:
        """Keep the connection for another request, or close it where its answer was not read to the end."""
        self._pool.release(address_of(model.url), answer)


@lru_cache
def address_of(url: str) -> Address:
    """Return host and port of a URL whose host is a literal address: it was judged when the settings were read."""
    parts = urlsplit(url)
    host = str(ip_address(parts.hostname or ""))  # raises for a name: a name would be a way out of the node
    return host, parts.port or 80


async def _refuse(model: Model, answer: Connection) -> NoReturn:
    if answer.status == LOADING:
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
