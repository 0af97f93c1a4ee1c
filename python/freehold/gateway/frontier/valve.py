"""What all requests share on the way out. Who names no route and sends no header is not its business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from freehold.gateway.exchange import Exchange
from freehold.gateway.frontier.allowance import Allowance
from freehold.gateway.frontier.case import Case
from freehold.gateway.frontier.ends import End
from freehold.gateway.frontier.ledger import Reservations
from freehold.gateway.frontier.metrics import FrontierMetrics
from freehold.gateway.frontier.outgoing import Json
from freehold.gateway.frontier.ways import Way
from freehold.gateway.policy.facts import HEADER, RouteRule
from freehold.gateway.policy.judge import Judge
from freehold.gateway.policy.reasons import Otherwise
from freehold.gateway.request import Request
from freehold.ledger.key_records import Key

HEADER_NAME = HEADER.encode()
COUNTING = "/v1/messages/count_tokens"
"""Never leaves: a count of the local model's is what its budget is made of."""


@dataclass(frozen=True)
class Valve:
    """``ledger`` is none for a gateway without books, from which nothing leaves. ``now_ms`` is the ledger's clock."""

    ways: Mapping[str, Way]
    ends: Mapping[str, End]
    judge: Judge
    ledger: Reservations | None
    allowance: Allowance
    metrics: FrontierMetrics
    now_ms: Callable[[], int]
    writable: Callable[[], bool]

    def case(self, body: Json, key: Key, request: Request, exchange: Exchange) -> Case | None:
        """Return what has to be decided; none for a request that nothing asks to leave, which costs a look."""
        way = self.ways.get(exchange.model_asked)
        if way is None and request.header(HEADER_NAME) is None:
            return None
        if exchange.path == COUNTING:
            return None
        return Case(self, key, body, request, exchange, header_of(request), way, self._rule(way, exchange))

    async def close(self) -> None:
        """Finish what is being settled, a bounded time; then close what rests."""
        if self.ledger is not None:
            await self.ledger.close()
        for end in self.ends.values():
            end.close()

    def _rule(self, way: Way | None, exchange: Exchange) -> RouteRule:
        if way is None:
            return RouteRule(exchange.model_asked, exchange.model, otherwise=Otherwise.ANSWER_LOCALLY)
        return way.rule(exchange.path, reachable=bool(self.ends[way.provider.name].key))


def header_of(request: Request) -> str | None:
    """What the client says of leaving. One that says two things at once has not said ``allow``."""
    said = {value.strip().lower() for name, value in request.headers if name == HEADER_NAME}
    return b",".join(sorted(said)).decode("latin-1") if said else None
