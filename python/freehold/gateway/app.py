"""The list of what is served, and the application made of it. Whatever is not on the list is a 404."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from freehold.gateway import exchange as exchanges
from freehold.gateway.api.catalogue import APIS, described, listing
from freehold.gateway.api.forms import speaks_anthropic
from freehold.gateway.config import GatewayConfig
from freehold.gateway.front import Front
from freehold.gateway.gate import Gate
from freehold.gateway.keys import Keyring
from freehold.gateway.metrics import Metrics
from freehold.gateway.refusals import not_served, unknown_model
from freehold.gateway.relay import Relay
from freehold.gateway.upstream import Upstream

HEALTH, MODELS, ONE_MODEL = "/healthz", "/v1/models", "/v1/models/{id:path}"
SERVED = (*(f"POST {path}" for path in APIS), f"GET {MODELS}", "GET /v1/models/{id}", f"GET {HEALTH}")


def build(config: GatewayConfig, internal_key: str, metrics: Metrics) -> ASGIApp:
    """Make the application; its connections open when it starts."""
    keyring, upstream = Keyring(config.keys), Upstream(internal_key, config.limits)
    relay = Relay(config, keyring, upstream, metrics, Gate(config.limits))
    models = Models(config, keyring)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        await upstream.open()
        yield
        await upstream.close()

    routes = [
        *(Route(path, Served(path, {"POST": relay})) for path in APIS),
        Route(MODELS, Served(MODELS, {"GET": models.all})),
        Route(ONE_MODEL, Served("/v1/models/{id}", {"GET": models.one})),
        Route(HEALTH, Served(HEALTH, {"GET": health})),
    ]
    return Front(Router(routes, redirect_slashes=False, default=refuse, lifespan=lifespan), metrics)


@dataclass(frozen=True)
class Served:
    """One path of the list with its methods."""

    path: str
    methods: Mapping[str, ASGIApp]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over to the method's application, or refuse."""
        app = self.methods.get(scope["method"])
        if app is None:
            raise not_served(SERVED)
        exchanges.of(scope).path = self.path
        await app(scope, receive, send)


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is not on the list."""
    del scope, receive, send
    raise not_served(SERVED)


async def health(scope: Scope, receive: Receive, send: Send) -> None:
    """Say that the gateway itself is alive, and nothing else: this path needs no key."""
    await PlainTextResponse("ok\n")(scope, receive, send)


@dataclass(frozen=True)
class Models:
    """``/v1/models``: what is served here, from the settings."""

    config: GatewayConfig
    keyring: Keyring

    async def all(self, scope: Scope, receive: Receive, send: Send) -> None:
        """List the models."""
        self._let_in(scope)
        answer = listing(self.config.models, anthropic=speaks_anthropic(scope["headers"]))
        await JSONResponse(answer)(scope, receive, send)

    async def one(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Describe one model, or say which there are."""
        self._let_in(scope)
        for model in self.config.models:
            if model.name == scope["path_params"]["id"]:
                await JSONResponse(described(model, anthropic=speaks_anthropic(scope["headers"])))(scope, receive, send)
                return
        raise unknown_model(model.name for model in self.config.models)

    def _let_in(self, scope: Scope) -> None:
        exchanges.of(scope).key = self.keyring.caller(scope["headers"])
