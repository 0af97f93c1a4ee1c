"""The gateway's counters. Labels come from the settings or from fixed words, so their number is bounded.

``gen_ai_*`` are OpenTelemetry's generative AI metrics in Prometheus' spelling; the rest is ours. Each bucket of the two
times of a request keeps the id of the last request that fell into it: an exemplar, told to who asks for OpenMetrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from freehold.gateway.api.catalogue import APIS
from freehold.gateway.authority import metrics as role_metrics
from freehold.gateway.authority.role import Role
from freehold.gateway.books import Books
from freehold.gateway.exchange import Cut, Exchange
from freehold.gateway.routing.replicas import Replicas
from freehold.ledger.usage import FRONTIER

# The bucket edges that the OpenTelemetry convention for generative AI names (v1.37.0, read 2026-11).
TOKEN_BUCKETS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576)
SECONDS_BUCKETS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_TOKEN_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
PER_TOKEN_BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)

PROVIDER = "freehold"
OPERATIONS = {path: api.operation for path, api in APIS.items()}
GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")


class Metrics:
    """All of the gateway's metrics in one registry; a :class:`~freehold.gateway.exchange.Recorder`."""

    def __init__(self, registry: CollectorRegistry, simulated: Iterable[str] = ()) -> None:
        self._registry = registry
        ProcessCollector(registry=registry)
        self._standard(registry)
        self._ours(registry)
        parts = Gauge("freehold_simulated", "1 for each part that is not real here", ["part"], registry=registry)
        for part in simulated:
            parts.labels(part).set(1)

    def _standard(self, registry: CollectorRegistry) -> None:
        def histogram(name: str, text: str, buckets: tuple[float, ...], *more: str) -> Callable[..., Any]:
            return _found_once(Histogram(name, text, [*GEN_AI, *more], buckets=buckets, registry=registry))

        self._token_usage = histogram(
            "gen_ai_client_token_usage", "Tokens of a request", TOKEN_BUCKETS, "gen_ai_token_type"
        )
        self._duration = histogram("gen_ai_server_request_duration_seconds", "Whole request", SECONDS_BUCKETS)
        self._first = histogram(
            "gen_ai_server_time_to_first_token_seconds", "Until a stream's first token", FIRST_TOKEN_BUCKETS
        )
        self._per_token = histogram(
            "gen_ai_server_time_per_output_token_seconds", "Per token after a stream's first", PER_TOKEN_BUCKETS
        )

    def _ours(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Callable[..., Any]:
            return _found_once(Counter(f"freehold_gateway_{name}", text, labels, registry=registry))

        self._tokens = counter("tokens", "Tokens answered for", "key", "model", "type", "route")
        self._requests = counter("requests", "Requests answered", "key", "model", "path", "status", "asked_by")
        self._refusals = counter("refusals", "Requests refused or failed", "reason")
        self._cut = counter("cut_answers", "Answers that ended before their end", "model", "by")
        self._open = Gauge("freehold_gateway_open_requests", "Requests being answered", ["model"], registry=registry)
        self._writable = Gauge("freehold_ledger_writable", "1 while rows reach the disk", registry=registry)
        self._pending = Gauge("freehold_ledger_pending_rows", "Rows that are not on the disk yet", registry=registry)
        self._lost = Gauge(
            "freehold_ledger_lost_rows", "Rows that could not be kept since the start", registry=registry
        )
        self._replicas = Gauge(
            "freehold_gateway_replicas", "Nodes that can answer, this one too", ["state"], registry=registry
        )
        self._connections = Gauge("freehold_gateway_connections", "Open client connections", registry=registry)

    def watch(self, connections: Callable[[], int], models: Iterable[str], open_of: Callable[[str], int]) -> None:
        """Read the two gauges where the numbers are kept; asked when somebody scrapes."""
        self._connections.set_function(connections)
        for model in models:
            self._open.labels(model).set_function(partial(open_of, model))

    def watch_books(self, books: Books) -> None:
        """Read the ledger's state where it is kept; asked when somebody scrapes."""
        self._writable.set_function(lambda: books.writable)
        self._pending.set_function(lambda: books.writer.pending if books.writer else 0)
        self._lost.set_function(lambda: books.lost_rows)

    def watch_role(self, role: Role) -> None:
        """Read how following the authority goes."""
        role_metrics.watch(self._registry, role)

    def watch_replicas(self, replicas: Replicas) -> None:
        """Read the number of replicas where they are kept."""
        self._replicas.labels("known").set_function(lambda: len(replicas.known))
        self._replicas.labels("resting").set_function(
            lambda: sum(bool(one.failures) for one in replicas.known.values())
        )

    def refused(self, reason: str) -> None:
        """Count a connection that was refused before there was a request."""
        self._refusals(reason).inc()

    def record(self, exchange: Exchange) -> None:
        """Count one finished exchange."""
        self._requests(exchange.key, exchange.model, exchange.path, str(exchange.status), exchange.asked_by).inc()
        if exchange.reason:
            self._refusals(exchange.reason).inc()
        if exchange.cut is not Cut.NOBODY:
            self._cut(exchange.model, exchange.cut).inc()
        if exchange.route:
            labels = (OPERATIONS.get(exchange.path, ""), _provider(exchange), exchange.model_asked, exchange.model)
            self._record_tokens(exchange, labels)
            self._record_times(exchange, labels)

    def _record_tokens(self, exchange: Exchange, labels: tuple[str, ...]) -> None:
        for kind, tokens in (("input", exchange.usage.prompt), ("output", exchange.usage.completion)):
            self._tokens(exchange.key, exchange.model, kind, exchange.route).inc(tokens)
            if tokens:
                self._token_usage(*labels, kind).observe(tokens)

    def _record_times(self, exchange: Exchange, labels: tuple[str, ...]) -> None:
        whose = {"request_id": exchange.id}
        self._duration(*labels).observe(exchange.seconds, whose)
        first = exchange.seconds_to_first_token
        if first is None:
            return
        self._first(*labels).observe(first, whose)
        if exchange.usage.completion > 1:
            self._per_token(*labels).observe((exchange.seconds - first) / (exchange.usage.completion - 1))


def _provider(exchange: Exchange) -> str:
    """Who answered: this fleet, or the provider that the model's name begins with where it is not one of ours."""
    return exchange.model.partition("/")[0] if exchange.route == FRONTIER else PROVIDER


def _found_once(metric: Counter | Histogram) -> Callable[..., Any]:
    # ``labels`` makes strings, takes a lock and looks up, for each sample of each request; what it finds never changes.
    return lru_cache(maxsize=None)(metric.labels)
