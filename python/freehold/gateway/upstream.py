"""The connections to the runtimes of this node: loopback literals only, no proxy, no redirect, no resolver."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from freehold.gateway.config import Limits, Model
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
    """One pool for all runtimes. Use :meth:`open` and :meth:`close` around its life."""

    def __init__(self, internal_key: str, limits: Limits) -> None:
        self._headers = {
            "Authorization": f"Bearer {internal_key}",
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        }
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool; needs the running loop."""
        # limit=0: how many are open is decided before a request gets here, with an answer for those that are too many.
        # force_close: llama.cpp now and then closes a kept connection when the next request is on its way (seen once in
        # some thirty), and a POST is not repeated blindly. On loopback a new connection costs a tenth of a millisecond.
        connector = aiohttp.TCPConnector(limit=0, resolver=_NoNames(), force_close=True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._limits.connect_seconds, sock_read=self._limits.silence_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=["User-Agent", "Accept"],
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def post(
        self, model: Model, path: str, body: bytes, exchange_id: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request; the response is a good one. Raises a refusal for a runtime that fails or is not there."""
        if self._session is None:
            raise runtime_down(model.name)
        headers = {**self._headers, "X-Request-Id": exchange_id}
        try:
            response = await self._session.post(model.url + path, data=body, headers=headers, allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise runtime_down(model.name) from error
        async with response:
            if response.status != OK:
                await _refuse(model, response)
            yield response


async def _refuse(model: Model, response: aiohttp.ClientResponse) -> NoReturn:
    if response.status == LOADING:
        raise runtime_loading(model.name)
    error = await _error_of(response)
    message = str(error.get("message") or "")
    refusal = malformed(message, reason="runtime_refused")
    refusal.type = str(error.get("type") or refusal.type)
    if any(words in message for words in TOO_LONG):
        refusal.code = "context_length_exceeded"
    elif response.status in CLIENT_ERRORS and message:
        refusal.status = response.status
    else:
        refusal = runtime_failed(model.name, response.status)
    raise refusal


async def _error_of(response: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        error = json_object(await response.content.read(LONGEST_ERROR)).get("error")
    except (aiohttp.ClientError, TimeoutError):
        return {}
    return error if isinstance(error, dict) else {}


class _NoNames(AbstractResolver):
    """Resolves nothing: a name in an address would be a way out of the node."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del port, family
        raise OSError(None, "names are not resolved here", host)

    async def close(self) -> None:
        """Nothing is held."""


def json_object(raw: bytes) -> dict[str, Any]:
    """Return a runtime's answer as an object; empty where it is none."""
    try:
        answer = json.loads(raw)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
