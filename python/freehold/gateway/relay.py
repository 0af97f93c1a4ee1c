"""The way of one request to a runtime and of its answer back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from freehold.gateway import body as bodies
from freehold.gateway import passing
from freehold.gateway.api.base import ApiLimits, Meter
from freehold.gateway.api.catalogue import APIS
from freehold.gateway.client import Connection, LostError
from freehold.gateway.config import GatewayConfig, Model
from freehold.gateway.exchange import Cut, Exchange
from freehold.gateway.front import JSON, answer
from freehold.gateway.gate import Gate
from freehold.gateway.keys import Keyring
from freehold.gateway.names import Names
from freehold.gateway.refusals import RefusalError, malformed, over_quota, runtime_down, stream_broken
from freehold.gateway.request import Request
from freehold.gateway.routing import prefix
from freehold.gateway.routing.replicas import Replica, Replicas
from freehold.gateway.upstream import HOP, Upstream, json_object
from freehold.gateway.usage import Usage
from freehold.ledger.key_records import Key, KeyLimits
from freehold.ledger.quota import OverQuota, Ticket

if TYPE_CHECKING:
    from freehold.gateway.frontier.valve import Valve

LOCAL, PEER = "local", "peer"
MS = 1000
LONGEST_NAME = 64
HOP_HEADER = HOP.encode()
AWAY = frozenset({"runtime_down", "runtime_loading"})
"""Reasons of a refusal after which somebody else may be asked: not a byte of an answer has come."""

NOTHING = Usage()


@dataclass(frozen=True)
class Relay:
    """Answers the POST paths."""

    config: GatewayConfig
    keyring: Keyring
    upstream: Upstream
    gate: Gate
    names: Names
    bodies: ApiLimits
    replicas: Replicas
    valve: Valve | None = None

    @property
    def alone(self) -> Replicas:
        """This node and nobody else; its own count of open requests."""
        return replace(self.replicas, known={self.replicas.own: self.replicas.known[self.replicas.own]})

    async def __call__(self, request: Request, exchange: Exchange) -> None:
        """Serve one request; refusals are raised for the front to answer."""
        asked_by = request.header(HOP_HEADER) if request.node else None
        if asked_by is not None:
            await self._for_peer(asked_by, request, exchange)
            return
        key = self.keyring.caller(request.headers)
        exchange.key = key.name
        with self.gate.everyone(), self.gate.caller(key.id):
            body = bodies.parse(await request.body(self.config.limits))
            model = self._choose(body, key.limits, exchange)
            api = APIS[exchange.path]
            api.check(body, self.bodies)
            case = self.valve.case(body, key, request, exchange) if self.valve else None
            exchange.ticket = self._let_in(key, body, model, exchange, await case.tokens() if case else 0)
            if case is not None and await case.answered():
                return
            with self.gate.model(model):
                await self._answer(body, model, request, exchange, self.replicas)

    async def _for_peer(self, key: bytes, request: Request, exchange: Exchange) -> None:
        """Another node's gateway let this request in and keeps its books: only this node's runtime is asked."""
        exchange.key, exchange.asked_by = key.decode("ascii", "replace")[:LONGEST_NAME], "node"
        with self.gate.everyone():
            body = bodies.parse(await request.body(self.config.limits))
            model = self._choose(body, KeyLimits(), exchange)
            APIS[exchange.path].check(body, self.bodies)
            try:
                with self.gate.model(model):
                    await self._answer(body, model, request, exchange, self.alone)
            finally:
                exchange.route = ""  # tokens are counted where the client is

    def _choose(self, body: dict[str, Any], limits: KeyLimits, exchange: Exchange) -> Model:
        name = body.get("model")
        if not isinstance(name, str):
            raise malformed("Name a model.", param="model")
        model = self.names.find(name, APIS[exchange.path].kind, limits)
        exchange.model_asked, exchange.model = name, model.name
        body["model"] = model.name  # the answer says who answered
        return model

    def _let_in(self, key: Key, body: dict[str, Any], model: Model, exchange: Exchange, elsewhere: int) -> Ticket:
        # Only a key with a limit of tokens has to have the worst case reserved.
        limited, api = key.limits.tokens_per_day is not None, APIS[exchange.path]
        worst = api.worst_case(body, model.context) if limited else NOTHING
        exchange.prompt_at_most = worst.prompt
        found = self.keyring.books.begin(key, worst.prompt + worst.completion + elsewhere)
        if isinstance(found, OverQuota):
            seconds = -1 if found.never else -(-found.retry_ms // MS)
            raise over_quota(found.limit, found.allowed, found.left, seconds)
        return found

    async def _answer(
        self, body: dict[str, Any], model: Model, request: Request, exchange: Exchange, replicas: Replicas
    ) -> None:
        """Ask the best replica; one that is not there is passed over, as long as nothing of an answer has come."""
        meter = APIS[exchange.path].prepare(body, model.engine, model.context)
        data, beginning = bodies.dump(body), prefix.of(model.name, body) if len(replicas.known) > 1 else b""
        tried: list[str] = []
        while True:
            with replicas.taken(beginning, tried) as replica:
                exchange.counted = False  # whatever happens to it from here on, until an engine says otherwise
                try:
                    runtime = await self._ask(replica, model, data, exchange)
                except RefusalError as refusal:
                    exchange.counted = True  # nothing was generated
                    if refusal.reason not in AWAY:
                        raise
                    replicas.failed(replica)
                    tried.append(replica.node)
                    if not replicas.candidates(tried):
                        raise
                    continue
                replicas.answered(replica)
                try:
                    await self._pass_on(runtime, meter, request, exchange)
                finally:
                    self.upstream.release(replica.url or model.url, runtime)
                if exchange.cut is Cut.RUNTIME:
                    replicas.failed(replica)  # a peer's socket outlives its gateway: the next one would wait there
                return

    async def _ask(self, replica: Replica, model: Model, data: bytes, exchange: Exchange) -> Connection:
        exchange.route, exchange.replica = (LOCAL, "") if replica.local else (PEER, replica.node)
        if replica.local:
            return await self.upstream.post(model, exchange.path, data, exchange.id)
        return await self.upstream.post_peer(replica, model, exchange.path, data, exchange)

    async def _pass_on(self, runtime: Connection, meter: Meter | None, request: Request, exchange: Exchange) -> None:
        if meter is None:
            await self._whole(runtime, request, exchange)
        else:
            await passing.stream(runtime, meter, request, exchange, lambda: stream_broken(exchange.model))

    async def _whole(self, runtime: Connection, request: Request, exchange: Exchange) -> None:
        try:
            said = await runtime.whole()
        except LostError as error:
            exchange.cut, exchange.counted = Cut.RUNTIME, True  # no fault of the caller's
            raise runtime_down(exchange.model) from error
        told = APIS[exchange.path].usage_of(json_object(said))
        exchange.usage, exchange.counted = told or exchange.usage, told is not None
        await answer(request, exchange, 200, JSON, said)
