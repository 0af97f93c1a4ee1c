"""The way of one request to a runtime and of its answer back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import aiohttp
from starlette.types import Message, Receive, Scope, Send

from freehold.gateway import body as bodies
from freehold.gateway import exchange as exchanges
from freehold.gateway.api.base import ApiLimits, Meter
from freehold.gateway.api.catalogue import APIS
from freehold.gateway.config import GatewayConfig, Model
from freehold.gateway.exchange import Cut, Exchange
from freehold.gateway.gate import Gate
from freehold.gateway.keys import Keyring
from freehold.gateway.metrics import Metrics
from freehold.gateway.refusals import draining, malformed, runtime_down, stream_broken, unknown_model
from freehold.gateway.upstream import Upstream, json_object

LOCAL = "local"


class SlowClientError(Exception):
    """The client does not read what it asked for."""


@dataclass(frozen=True)
class Relay:
    """Answers the POST paths."""

    config: GatewayConfig
    keyring: Keyring
    upstream: Upstream
    metrics: Metrics
    gate: Gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; refusals are raised for the front to answer."""
        exchange = exchanges.of(scope)
        exchange.key = self.keyring.caller(scope["headers"])
        with self.gate.caller(exchange.key):
            raw = await bodies.read(scope, receive, self.config.limits)
            exchange.body_read = True
            body = bodies.parse(raw)
            model = self._choose(body, exchange)
            with self.gate.model(model), self.metrics.open_requests.labels(model.name).track_inprogress():
                await while_connected(receive, exchange, self._answer(body, model, exchange, send))

    def _choose(self, body: dict[str, Any], exchange: Exchange) -> Model:
        name, kind = body.get("model"), APIS[exchange.path].kind
        if not isinstance(name, str):
            raise malformed("Name a model.", param="model")
        fitting = [model for model in self.config.models if model.kind == kind]
        for model in fitting:
            if model.name == name:
                exchange.model, exchange.route = model.name, LOCAL
                body["model"] = model.name  # llama.cpp's embeddings repeat what was asked for
                return model
        raise unknown_model((model.name for model in fitting), kind)

    async def _answer(self, body: dict[str, Any], model: Model, exchange: Exchange, send: Send) -> None:
        meter = self._prepare(body, model, exchange.path)
        async with self.upstream.post(model, exchange.path, bodies.dump(body), exchange.id) as response:
            if meter is None:
                await self._whole(response, exchange, send)
            else:
                await self._stream(response, meter, exchange, send)

    def _prepare(self, body: dict[str, Any], model: Model, path: str) -> Meter | None:
        APIS[path].check(body, ApiLimits())
        return APIS[path].prepare(body, model.engine, model.context)

    async def _whole(self, response: aiohttp.ClientResponse, exchange: Exchange, send: Send) -> None:
        try:
            answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            exchange.cut = Cut.RUNTIME
            raise runtime_down(exchange.model) from error
        exchange.usage = APIS[exchange.path].usage_of(json_object(answer)) or exchange.usage
        length = (b"content-length", str(len(answer)).encode())
        await send(_start(exchange, b"application/json", length))
        await self._write(send, answer, more=False)

    async def _stream(self, response: aiohttp.ClientResponse, meter: Meter, exchange: Exchange, send: Send) -> None:
        await send(_start(exchange, b"text/event-stream; charset=utf-8", (b"cache-control", b"no-store")))
        try:
            await self._events(response, meter, exchange, send)
            last = b"" if meter.done else self._broken(exchange)
        except (aiohttp.ClientError, TimeoutError):
            last = self._broken(exchange)
        except asyncio.CancelledError:
            if exchange.cut is not Cut.DRAIN:
                raise
            last = exchange.form.event(draining(), exchange.id)
        await self._write(send, last, more=False)

    async def _events(self, response: aiohttp.ClientResponse, meter: Meter, exchange: Exchange, send: Send) -> None:
        try:
            async for data in response.content.iter_any():
                out = meter.feed(data)
                if meter.began:
                    exchange.saw_first_token()
                if out:
                    await self._write(send, out, more=True)
        finally:
            exchange.usage = meter.usage  # read once: a running count is kept as it came

    async def _write(self, send: Send, data: bytes, *, more: bool) -> None:
        try:
            async with asyncio.timeout(self.config.limits.write_seconds):
                await send({"type": "http.response.body", "body": data, "more_body": more})
        except TimeoutError as error:
            raise SlowClientError from error

    @staticmethod
    def _broken(exchange: Exchange) -> bytes:
        exchange.cut = Cut.RUNTIME
        return exchange.form.event(stream_broken(exchange.model), exchange.id)


async def while_connected(receive: Receive, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
    """Do ``work`` as long as the client is there; cancelling it closes the connection, and the runtime stops too."""
    task, gone = asyncio.create_task(work), asyncio.create_task(_until_gone(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            exchange.cut = Cut.CLIENT
    except asyncio.CancelledError:
        # Only the drain's limit cancels a request; the work says so in the stream before it ends.
        exchange.cut = Cut.DRAIN
    for one in (task, gone):
        one.cancel()
    await asyncio.wait({task, gone})
    if task.cancelled() and exchange.cut is Cut.DRAIN:
        raise draining()
    with contextlib.suppress(asyncio.CancelledError):
        task.result()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _start(exchange: Exchange, content_type: bytes, *more: tuple[bytes, bytes]) -> Message:
    exchange.status = 200
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type), *more]}
