"""The way of one request to a runtime and of its answer back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from freehold.gateway import body as bodies
from freehold.gateway.client import Connection, LostError
from freehold.gateway.config import GatewayConfig, Model
from freehold.gateway.engines import engine, usage_of
from freehold.gateway.exchange import Cut, Exchange
from freehold.gateway.front import answer
from freehold.gateway.gate import Gate
from freehold.gateway.keys import Keyring
from freehold.gateway.refusals import draining, malformed, runtime_down, stream_broken, unknown_model
from freehold.gateway.request import Request
from freehold.gateway.sse import Splitter
from freehold.gateway.stream import StreamMeter, prepare
from freehold.gateway.upstream import Upstream, json_object

LOCAL = "local"
KIND_OF_PATH = {"/v1/chat/completions": "chat", "/v1/completions": "chat", "/v1/embeddings": "embedding"}

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
        name, kind = body.get("model"), KIND_OF_PATH[exchange.path]
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
        meter = self._prepare(body, model)
        runtime = await self.upstream.post(model, exchange.path, bodies.dump(body), exchange.id)
        try:
            if meter is None:
                await self._whole(runtime, request, exchange)
            else:
                await self._stream(runtime, meter, request, exchange)
        finally:
            self.upstream.release(model, runtime)

    def _prepare(self, body: dict[str, Any], model: Model) -> StreamMeter | None:
        stream = body.get("stream") or False
        if not isinstance(stream, bool):
            raise malformed("stream must be true or false.", param="stream")
        dialect = engine(model.engine)
        dialect.check(body)
        return prepare(body, dialect) if stream else None

    async def _whole(self, runtime: Connection, request: Request, exchange: Exchange) -> None:
        try:
            said = await runtime.whole()
        except LostError as error:
            exchange.cut = Cut.RUNTIME
            raise runtime_down(exchange.model) from error
        exchange.usage = usage_of(json_object(said)) or exchange.usage
        await answer(request, exchange, 200, JSON, said)

    async def _stream(self, runtime: Connection, meter: StreamMeter, request: Request, exchange: Exchange) -> None:
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
            last = draining().event()
        request.end(last)

    async def _events(self, runtime: Connection, meter: StreamMeter, request: Request, exchange: Exchange) -> None:
        splitter = Splitter()
        while data := await runtime.piece():
            out = b"".join([meter.take(event) for event in splitter.feed(data)])
            exchange.usage = meter.usage
            if meter.began:
                exchange.saw_first_token()
            if out:
                await request.write(out)

    @staticmethod
    def _broken(exchange: Exchange) -> bytes:
        exchange.cut = Cut.RUNTIME
        return stream_broken(exchange.model).event()
