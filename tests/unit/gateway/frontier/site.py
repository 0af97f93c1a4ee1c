"""A real gateway with a way out to a stand-in, and what its ledger says of it."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.unit.gateway.frontier.provider import Provider
from tests.unit.gateway.harness import CHAT, Harness, eventually, running

from freehold.gateway.config import GatewayConfig, Key, Limits
from freehold.gateway.config_frontier import FrontierConfig, Route
from freehold.gateway.config_frontier import Provider as Settings
from freehold.ledger.audit import audit
from freehold.ledger.store import Store

Json = dict[str, Any]
USD = 10**9
MAY, MAY_NOT, SMALL = "fh-" + "m" * 43, "fh-" + "n" * 43, "fh-" + "s" * 43
BEST, ASKED, STRICT, CLAUDE = "frontier/best", "frontier/asked", "frontier/strict", "frontier/claude"
SECRET = "sk-provider-secret-1234"
"""Below: nano-USD of what the stand-in says it used."""
CHAT_COST = 7 * 5_000 + 4 * 500 + 3 * 25_000
CLAUDE_COST = 5 * 3_000 + 4 * 300 + 3_750 + 6_000 + 3 * 15_000
"""claude-sonnet-4-5 of the pinned table: 3, 0.3, 3.75 (five minutes), 6 (an hour), 15 USD a million."""


def exception(provider: Provider, ca: str, **changed: Any) -> FrontierConfig:
    names = {"acme": "openai", "maker": "anthropic"}
    providers = tuple(
        Settings(name, protocol, provider.url, name, "anthropic" if name == "maker" else "", ca)
        for name, protocol in names.items()
    )
    routes = (
        Route(BEST, "acme", "big-1", CHAT, always=True, dark="answer_locally"),
        Route(ASKED, "acme", "big-1", CHAT, always=False, dark="answer_locally"),
        Route(STRICT, "acme", "big-1", CHAT, always=True, dark="refuse"),
        Route(CLAUDE, "maker", "claude-sonnet-4-5", CHAT, always=True, dark="refuse"),
    )
    per = {"input": "5", "cached": "0.5", "output": "25"}
    price = {"provider": "acme", "model": "big-1", "effective_from": "2020-01-01", "per_million_tokens": per}
    made = FrontierConfig(1_000_000, 7, 100 * USD, 1000 * USD, providers, routes, {}, [{**price, "note": "a test"}])
    return replace(made, **changed)


def keys() -> tuple[Key, ...]:
    def key(name: str, secret: str, **limits: Any) -> Key:
        return Key(name, hashlib.sha256(secret.encode()).hexdigest(), **limits)

    return (
        key("may", MAY, frontier=True),
        key("may-not", MAY_NOT),
        key("small", SMALL, frontier=True, tokens_per_day=20_000),
    )


@dataclass
class Site:
    gateway: Harness
    provider: Provider
    path: Path

    def ask(
        self, body: Json, path: str = "/v1/chat/completions", key: str = MAY, **headers: str
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        """The whole answer: status, JSON or a stream's text, headers."""
        connection, answer = self.open(body, path, key, **headers)
        said = answer.read()
        connection.close()
        told: Any = said.decode() if "event-stream" in (answer.headers["content-type"] or "") else json.loads(said)
        return answer.status, told, answer.headers

    def open(
        self, body: Json, path: str = "/v1/chat/completions", key: str = MAY, **headers: str
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(*self.gateway.addresses.public, timeout=10)
        own = {"Authorization": f"Bearer {key}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, json.dumps(body), own)
        return connection, connection.getresponse()

    def exceptions(self) -> list[Json]:
        return rows(self.path, "exceptions")

    def settled(self, count: int = 1, state: str = "settled") -> list[Json]:
        """All exceptions, once ``count`` of them are in ``state`` and none is open."""

        def done() -> list[Json] | None:
            found = self.exceptions()
            right = sum(row["state"] == state for row in found) == count and all(
                row["state"] != "open" for row in found
            )
            return found if right else None

        found: list[Json] = eventually(done)
        return found

    def usage(self, count: int) -> list[Json]:
        found: list[Json] = eventually(lambda: len(now := rows(self.path, "usage")) == count and now)
        return found

    def agree(self) -> None:
        """Whatever was written, its sums agree."""
        with Store.open(self.path) as store:
            assert audit(store) == []

    def decided(self, **labels: str) -> float:
        return self.gateway.count("freehold_frontier_decisions_total", **labels)


def rows(path: Path, table: str) -> list[Json]:
    with sqlite3.connect(path) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid")]  # noqa: S608  own words


def chat(words: str = "hello", model: str = BEST, **more: Any) -> Json:
    return {"model": model, "messages": [{"role": "user", "content": words}], "max_tokens": 100, **more}


@contextmanager
def site(
    provider: Provider,
    ca: str,
    folder: Path,
    limits: Limits | None = None,
    *,
    change: Callable[[GatewayConfig], GatewayConfig] = lambda config: config,
    loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    **frontier: Any,
) -> Iterator[Site]:
    """A gateway beside a provider; ``frontier`` changes fields of the exception."""
    path = folder / "books" / "ledger.sqlite3"
    credentials = folder / "credentials"
    credentials.mkdir(exist_ok=True, parents=True)
    for name in ("acme", "maker"):
        (credentials / name).write_text(SECRET + "\n")

    def changed(config: GatewayConfig) -> GatewayConfig:
        told = exception(provider, ca, **frontier)
        return change(replace(config, keys=(*config.keys, *keys()), ledger=path, node="gpu1", frontier=told))

    before = os.environ.get("CREDENTIALS_DIRECTORY")
    os.environ["CREDENTIALS_DIRECTORY"] = str(credentials)
    try:
        with running(limits or replace(Limits(), drain_seconds=1), changed=changed, loop=loop) as gateway:
            yield Site(gateway, provider, path)
    finally:
        os.environ.pop("CREDENTIALS_DIRECTORY")
        if before is not None:
            os.environ["CREDENTIALS_DIRECTORY"] = before
