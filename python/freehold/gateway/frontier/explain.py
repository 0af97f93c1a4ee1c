"""What this node's gateway would do with a request, and why: ``python -m freehold.gateway.frontier.explain``.

It answers a question on standard input as :mod:`freehold.ledger.node` does, for a command over SSH. It reads settings,
ledger and the gateway's metrics; nothing is reserved, sent or counted. What cannot be read is not known, and said so.
"""

from __future__ import annotations

import http.client
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError, UsageError
from freehold.gateway import config as settings
from freehold.gateway.api.base import ApiLimits
from freehold.gateway.api.catalogue import APIS
from freehold.gateway.books import declared_of
from freehold.gateway.config import GatewayConfig, Listen
from freehold.gateway.frontier.metrics import BREAKER
from freehold.gateway.frontier.outgoing import measured
from freehold.gateway.frontier.standing import Standing, standing
from freehold.gateway.frontier.ways import Way, ways_of
from freehold.gateway.policy import explain, owner
from freehold.gateway.policy.breaker import State
from freehold.gateway.policy.decision import Decision, decide
from freehold.gateway.policy.facts import KeyFacts, RequestFacts, RouteRule
from freehold.gateway.policy.judge import judge
from freehold.gateway.policy.reasons import Otherwise
from freehold.gateway.refusals import RefusalError
from freehold.ledger import clock as clocks
from freehold.ledger import node
from freehold.ledger.caps import Amount
from freehold.ledger.frontier import Frontier
from freehold.ledger.key_records import Key
from freehold.ledger.keys import KeyTable
from freehold.ledger.periods import SECOND_MS
from freehold.ledger.store import Store

CONFIG = "/etc/freehold/gateway.json"
SCRAPE_SECONDS = 3.0
SAMPLE = re.compile(r"(\w+)(?:\{([^}]*)\})? ([0-9.e+-]+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')
UP = {State.CLOSED.value: True, State.OPEN.value: False}
GREETING: dict[str, dict[str, Any]] = {
    "/v1/completions": {"prompt": "hello"},
    "/v1/responses": {"input": "hello"},
    "/v1/embeddings": {"input": "hello"},
}
"""What is judged where the question holds no body; all other paths: a message."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Gauges:
    """What the gateway's own metrics say; empty where they cannot be read."""

    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    @classmethod
    def of(cls, listen: Listen) -> Gauges:
        """Ask the listener on loopback."""
        connection = http.client.HTTPConnection(listen.host, listen.port, timeout=SCRAPE_SECONDS)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except (OSError, http.client.HTTPException, UnicodeDecodeError):
            return cls({})
        finally:
            connection.close()
        found = (SAMPLE.fullmatch(row) for row in text.splitlines())
        return cls({(one[1], frozenset(LABEL.findall(one[2] or ""))): float(one[3]) for one in found if one})

    def breaker(self, provider: str) -> str | None:
        """The state of a provider's breaker."""
        for state in State:
            if self.samples.get((BREAKER, frozenset({("provider", provider), ("state", state.value)}))):
                return state.value
        return None

    @property
    def writable(self) -> bool | None:
        """Whether the gateway can write its ledger."""
        found = self.samples.get(("freehold_ledger_writable", frozenset()))
        return None if found is None else bool(found)


def answer(question: Mapping[str, Any]) -> Json:
    """Decide. Raises :class:`FreeholdError` where the question or the settings are at fault."""
    config = settings.read(Path(question.get("config") or CONFIG))
    name, path = str(question["model"]), str(question.get("path") or "/v1/chat/completions")
    body = _body(question, name, path)
    way = ways_of(config.frontier).get(name) if config.frontier else None
    with _ledger(config) as frontier:
        key = _key(config, frontier, question.get("key"))
        return _told(config, _Asked(name, path, body, way, key, bool(question.get("frontier"))), frontier) | {
            "body": "given" if question.get("body") else "none was given: a greeting is judged"
        }


@dataclass(frozen=True)
class _Asked:
    name: str
    path: str
    body: Json
    way: Way | None
    key: Key | None
    header: bool


def _told(config: GatewayConfig, asked: _Asked, frontier: Frontier | None) -> Json:
    now = frontier.clock.now_ms() if frontier else None
    at = datetime.now(UTC) if now is None else datetime.fromtimestamp(now / SECOND_MS, UTC)
    each = asked.way.provider.tokens_each_image or None if asked.way else None
    worst = asked.way.worst(measured(asked.body, asked.path, each), at) if asked.way else None
    gauges = Gauges.of(config.metrics)
    stands = _stands(frontier, asked, worst, gauges)
    decision = _decided(config, asked, worst, stands)
    return {
        "decision": explain.as_json(decision),
        "node": config.node,
        "authority": config.is_authority,
        "worst": asdict(worst) if worst else None,
        "breaker": gauges.breaker(asked.way.provider.name) if asked.way else None,
        "limits": [asdict(cap) for cap in stands.refusing or ()],
    }


def _decided(config: GatewayConfig, asked: _Asked, worst: Amount | None, stands: Standing) -> Decision:
    policy = judge(owner.read(config.frontier.policy if config.frontier else {}))
    may = asked.key.limits.frontier if asked.key else None
    return decide(
        RequestFacts(
            asked.name, "allow" if asked.header else None,
            worst.tokens if worst else None, worst.nano_usd if worst else None,
        ),
        KeyFacts(asked.key.name, may and stands.key_may is not False) if asked.key else None,
        _rule(config, asked),
        stands,
        policy.findings(asked.body),
    )  # fmt: skip


def _rule(config: GatewayConfig, asked: _Asked) -> RouteRule | None:
    if asked.way is not None:
        return asked.way.rule(asked.path)
    served = {model.name: model.name for model in config.models} | dict(config.aliases)
    local = served.get(asked.name)
    return RouteRule(asked.name, local, otherwise=Otherwise.ANSWER_LOCALLY) if local else None


def _stands(frontier: Frontier | None, asked: _Asked, worst: Amount | None, gauges: Gauges) -> Standing:
    found = Standing()
    if frontier is not None and asked.key is not None and worst is not None:
        try:
            found = standing(frontier, asked.key.id, worst)
        except FreeholdError:
            found = Standing()
        if frontier.caps is None and not found.lease_held:
            found = replace(found, lease_held=None)  # the gateway would ask the authority for one
    up = UP.get(gauges.breaker(asked.way.provider.name) or "") if asked.way else None
    return replace(found, ledger_writable=gauges.writable, provider_up=up)


@contextmanager
def _ledger(config: GatewayConfig) -> Iterator[Frontier | None]:
    if config.ledger is None or not config.ledger.exists():
        yield None
        return
    with Store.open(config.ledger) as store:
        caps = config.frontier.caps if config.frontier and config.is_authority else None
        yield Frontier(store, clocks.of_command(store), caps)


def _key(config: GatewayConfig, frontier: Frontier | None, name: object) -> Key | None:
    if not name:
        return None
    if frontier is not None:
        found = [key for key in KeyTable(frontier.store, frontier.clock).listed() if key.name == name]
        if found:
            return found[0]
    for key in config.keys:
        if key.name == name:
            one = declared_of(key)
            return Key(one.id, one.name, one.sha256, "declared", 0, one.expires_ms, None, "", "", 0, one.limits, 0)
    names = ", ".join(key.name for key in config.keys)
    raise UsageError("EXPLAIN_KEY", str(name), "no such key on this node", expected=f"a key's name: {names} …")


def _body(question: Mapping[str, Any], name: str, path: str) -> Json:
    api = APIS.get(path)
    if api is None:
        raise UsageError("EXPLAIN_PATH", path, "not served", expected=f"one of {', '.join(APIS)}")
    message = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 1024}
    given = question.get("body") or GREETING.get(path) or message
    body = {**given, "model": name} if isinstance(given, dict) else {}
    try:
        api.check(body, ApiLimits())
    except RefusalError as refusal:
        raise UsageError(
            "EXPLAIN_BODY", "the request's body", refusal.message, expected="a body that the gateway takes"
        ) from refusal
    return body


if __name__ == "__main__":
    sys.exit(node.main(answer))
