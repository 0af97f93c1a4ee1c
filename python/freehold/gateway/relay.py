"""The way of one request to a runtime and of its answer back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from freehold.gateway import body as bodies
from freehold.gateway.api.base import ApiLimits, Meter
from freehold.gateway.api.catalogue import APIS
from freehold.gateway.client import Connection, LostError
from freehold.gateway.config import GatewayConfig, Model
from freehold.gateway.exchange import Cut, Exchange
from freehold.gateway.front import answer
from freehold.gateway.gate import Gate
from freehold.gateway.keys import Keyring
from freehold.gateway.refusals import draining, malformed, runtime_down, stream_broken, unknown_model
from freehold.gateway.request import Request
from freehold.gateway.upstream import Upstream, json_object

LOCAL = "local"

JSON = ((b"content-type", b"application/json"),)
EVENTS = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"))


@dataclass(frozen=True)
class Relay:
    """Answers the POST paths."""

    config: GatewayConfig
    keyring: Keyring
    upstream: Upstream
    gate: Gate

    async def __call__(self, request: Request, exchange: Exchange) -> None:
        """Serve one request; refusals are raised for the front to answer."""
        exchange.key = self.keyring.caller(request.headers)
        with self.gate.everyone(), self.gate.caller(exchange.key):
            body = bodies.parse(await request.body(self.config.limits))
            model = self._choose(body, exchange)
            with self.gate.model(model):
                await self._answer(body, model, request, exchange)

    def _choose(self, body: dict[str, Any], exchange: Exchange) -> Model:
        name, kind = body.get("model"), APIS[exchange.path].kind
        if not isinstance(name, str):
            raise malformed("Name a model.", param="model")
        fitting = [model for model in self.config.models if model.kind == kind]
        for model in fitting:
            if model.name == name:
                exchange.model_asked = exchange.model = model.name
                exchange.route = LOCAL
                body["model"] = model.name  # llama.cpp's embeddings repeat what was asked for
                return model
        raise unknown_model((model.name for model in fitting), kind)

    async def _answer(self, body: dict[str, Any], model: Model, request: Request, exchange: Exchange) -> None:
        meter = self._prepare(body, model, exchange.path)
        runtime = await self.upstream.post(model, exchange.path, bodies.dump(body), exchange.id)
        try:
            if meter is None:
                await self._whole(runtime, request, exchange)
            else:
                await self._stream(runtime, meter, request, exchange)
        finally:
            self.upstream.release(model, runtime)

    def _prepare(self, body: dict[str, Any], model: Model, path: str) -> Meter | None:
        APIS[path].check(body, ApiLimits(image_hosts=frozenset(self.config.image_hosts)))
        return APIS[path].prepare(body, model.engine, model.context)

    async def _whole(self, runtime: Connection, request: Request, exchange: Exchange) -> None:
        try:
            said = await runtime.whole()
        except LostError as error:
            exchange.cut = Cut.RUNTIME
            raise runtime_down(exchange.model) from error
        exchange.usage = APIS[exchange.path].usage_of(json_object(said)) or exchange.usage
        await answer(request, exchange, 200, JSON, said)

    async def _stream(self, runtime: Connection, meter: Meter, request: Request, exchange: Exchange) -> None:
        exchange.status = 200
        request.start(200, [*EVENTS, *exchange.labels()])
        try:
            await self._events(runtime, meter, request, exchange)
            last = b"" if meter.done else self._broken(exchange)
        except LostError:
            last = self._broken(exchange)
        except asyncio.CancelledError:
            if request.cut is not Cut.DRAIN:
                raise
            last = exchange.form.event(draining(), exchange.id)
        request.end(last)

    async def _events(self, runtime: Connection, meter: Meter, request: Request, exchange: Exchange) -> None:
        try:
            while data := await runtime.piece():
                out = meter.feed(data)
                if meter.began:
                    exchange.saw_first_token()
                if out:
                    await request.write(out)
        finally:
            exchange.usage = meter.usage  # read once: a running count is kept as it came

    @staticmethod
    def _broken(exchange: Exchange) -> bytes:
        exchange.cut = Cut.RUNTIME
        return exchange.form.event(stream_broken(exchange.model), exchange.id)
