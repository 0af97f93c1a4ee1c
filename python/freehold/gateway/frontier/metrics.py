"""Counters of what left and of what did not. Labels are names of the settings and fixed words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from freehold.gateway.config_frontier import FrontierConfig
from freehold.gateway.frontier.standing import Totals
from freehold.gateway.policy.breaker import Breaker, State
from freehold.gateway.policy.reasons import Outcome, Reason
from freehold.gateway.policy.rule import Finding
from freehold.ledger.caps import MILLION, Amount
from freehold.ledger.money import NANO
from freehold.prices.cost import Counts

if TYPE_CHECKING:
    from freehold.gateway.frontier.ways import Way

BREAKER = "freehold_frontier_breaker"


class FrontierMetrics:
    """All of them in the gateway's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"freehold_frontier_{name}", text, labels, registry=registry)

        self._registry = registry
        self._decisions = counter("decisions", "Requests that could have left", "model", "outcome", "reason")
        self._findings = counter("findings", "What the rules of what may never leave met", "rule")
        self._endings = counter("requests", "Reservations by how they ended", "model", "provider", "outcome")
        self._tokens = counter("tokens", "Tokens of what left", "model", "provider", "type")
        self._reserved_tokens = counter("reserved_tokens", "Tokens reserved before sending", "model", "provider")
        self._reserved = counter("reserved_nano_usd", "Money reserved before sending", "model", "provider")
        self._settled = counter("settled_nano_usd", "Money that it came to", "model", "provider")
        self._breakers = Gauge(BREAKER, "1 for the state of a provider's breaker", ["provider", "state"],
                               registry=registry)  # fmt: skip

    def watch(
        self, breakers: Mapping[str, Breaker], totals: Callable[[], Totals | None], config: FrontierConfig
    ) -> None:
        """Read states and sums where they are kept; asked when somebody scrapes."""
        for name, breaker in breakers.items():
            for state in State:
                self._breakers.labels(name, state.value).set_function(_is(breaker, state))
        self._registry.register(Sums(totals, config))

    def decided(self, model: str, outcome: Outcome, reason: Reason) -> None:
        """Count what became of a request."""
        self._decisions.labels(model, outcome.value, reason.value).inc()

    def found(self, findings: Iterable[Finding]) -> None:
        """Count matches by their rule; of what they were there is no trace."""
        for one in findings:
            self._findings.labels(one.rule).inc(one.count)

    def reserved(self, way: Way, worst: Amount) -> None:
        """Count a reservation."""
        self._reserved_tokens.labels(way.route.model, way.provider.name).inc(worst.tokens)
        self._reserved.labels(way.route.model, way.provider.name).inc(worst.nano_usd)

    def settled(self, way: Way, spent: Counts, nano_usd: int, outcome: str) -> None:
        """Count how it ended."""
        names = (way.route.model, way.provider.name)
        self._endings.labels(*names, outcome.partition(" (")[0]).inc()
        self._settled.labels(*names).inc(nano_usd)
        for kind, tokens in (("input", spent.prompt), ("output", spent.completion)):
            self._tokens.labels(*names, kind).inc(tokens)


class Sums(Collector):
    """The ledger's sums beside their caps. Caps are shown where the ledger cannot be read, too; sums are not."""

    def __init__(self, totals: Callable[[], Totals | None], config: FrontierConfig) -> None:
        self._totals, self._config = totals, config

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name them without asking the ledger."""
        yield from self._families(None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Ask the ledger once for all of them."""
        yield from self._families(self._totals())

    def _families(self, now: Totals | None) -> Iterator[GaugeMetricFamily]:
        caps = self._config
        tokens = GaugeMetricFamily("freehold_frontier_window_tokens", "Tokens of the share's window", labels=["route"])
        share = GaugeMetricFamily("freehold_frontier_share", "Part of the window's tokens that left")
        usd = GaugeMetricFamily("freehold_frontier_spent_usd", "Money, reservations included", labels=["period"])
        left = GaugeMetricFamily("freehold_frontier_open_reservations", "Reservations that are not settled")
        if now is not None:
            tokens.add_metric(["frontier"], now.frontier_tokens)
            tokens.add_metric(["local"], now.local_tokens)
            whole = now.frontier_tokens + now.local_tokens
            share.add_metric([], now.frontier_tokens / whole if whole else 0.0)
            usd.add_metric(["day"], now.day_nano_usd / NANO)
            usd.add_metric(["month"], now.month_nano_usd / NANO)
            left.add_metric([], now.left_open)
        yield from (tokens, share, usd, left)
        yield GaugeMetricFamily("freehold_frontier_share_cap", "The most of it", value=caps.share_ppm / MILLION)
        most = GaugeMetricFamily("freehold_frontier_cap_usd", "The most money", labels=["period"])
        most.add_metric(["day"], caps.nano_usd_per_day / NANO)
        most.add_metric(["month"], caps.nano_usd_per_month / NANO)
        yield most


def _is(breaker: Breaker, state: State) -> Callable[[], float]:
    return lambda: float(breaker.state is state)
