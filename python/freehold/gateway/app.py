"""The list of what is served, and the application made of it. Whatever is not on the list is a 404."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from freehold.gateway.api.base import ApiLimits
from freehold.gateway.api.catalogue import APIS, Listed, described, listing
from freehold.gateway.api.forms import speaks_anthropic
from freehold.gateway.books import Books
from freehold.gateway.config import GatewayConfig
from freehold.gateway.exchange import Exchange
from freehold.gateway.front import JSON, App, answer
from freehold.gateway.gate import Gate
from freehold.gateway.keys import Keyring
from freehold.gateway.names import Names
from freehold.gateway.refusals import not_served, unknown_model
from freehold.gateway.relay import Relay
from freehold.gateway.request import Request
from freehold.gateway.routing.replicas import Replicas
from freehold.gateway.status.page import SERVED as STATUS_SERVED
from freehold.gateway.status.page import Status
from freehold.gateway.upstream import Upstream

if TYPE_CHECKING:
    from freehold.gateway.frontier.valve import Valve

HEALTH, MODELS, ONE_MODEL = "/healthz", "/v1/models", "/v1/models/{id}"
SERVED = (*(f"POST {path}" for path in APIS), f"GET {MODELS}", f"GET {ONE_MODEL}", f"GET {HEALTH}")

TEXT = ((b"content-type", b"text/plain; charset=utf-8"),)


def build(
    config: GatewayConfig,
    upstream: Upstream,
    gate: Gate,
    books: Books,
    replicas: Replicas,
    *,
    valve: Valve | None = None,
    status: Status | None = None,
) -> App:
    """Make the application."""
    keyring, names = Keyring(books), Names.of(config)
    limits = ApiLimits(image_hosts=frozenset(config.image_hosts))
    relay, models = Relay(config, keyring, upstream, gate, names, limits, replicas, valve), Models(names, keyring)
    routes: dict[tuple[str, str], App] = {("POST", path): relay for path in APIS}
    routes |= {("GET", MODELS): models.all, ("GET", HEALTH): health}
    if status is None:
        return Routes(routes, models.one)
    return Routes(routes | status.routes, models.one, status.routes_of_nodes, (*SERVED, *STATUS_SERVED))


@dataclass(frozen=True)
class Routes:
    """Method and path decide; a model's own page is the only path with a name in it."""

    fixed: dict[tuple[str, str], App]
    one_model: Callable[[Request, Exchange], Awaitable[None]]
    of_nodes: dict[tuple[str, str], App] = field(default_factory=dict)
    served: tuple[str, ...] = SERVED

    async def __call__(self, request: Request, exchange: Exchange) -> None:
        """Hand over, or refuse."""
        app = self.fixed.get((request.method, request.path))
        if app is None and request.node:
            app = self.of_nodes.get((request.method, request.path))
        if app is not None:
            exchange.path = request.path
        elif request.method == "GET" and request.path.startswith(MODELS + "/") and request.path != MODELS + "/":
            exchange.path, app = ONE_MODEL, self.one_model
        else:
            raise not_served(self.served)
        await app(request, exchange)


async def health(request: Request, exchange: Exchange) -> None:
    """Say that the gateway itself is alive, and nothing else: this path needs no key."""
    await answer(request, exchange, 200, TEXT, b"ok\n")


@dataclass(frozen=True)
class Models:
    """``/v1/models``: what is served here, from the settings."""

    names: Names
    keyring: Keyring

    async def all(self, request: Request, exchange: Exchange) -> None:
        """List the models."""
        told = listing(self._of_caller(request, exchange), anthropic=speaks_anthropic(request.headers))
        await answer(request, exchange, 200, JSON, _dump(told))

    async def one(self, request: Request, exchange: Exchange) -> None:
        """Describe one model, or say which there are."""
        listed = self._of_caller(request, exchange)
        wanted = request.path.removeprefix(MODELS + "/")
        for one in listed:
            if one.model.name == wanted:
                told = described(one, anthropic=speaks_anthropic(request.headers))
                await answer(request, exchange, 200, JSON, _dump(told))
                return
        raise unknown_model(one.model.name for one in listed)

    def _of_caller(self, request: Request, exchange: Exchange) -> list[Listed]:
        key = self.keyring.caller(request.headers)
        exchange.key = key.name
        return self.names.listed(key.limits)


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
