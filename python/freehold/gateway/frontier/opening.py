"""Puts the way out together when the gateway starts."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry

from freehold.gateway.books import Books
from freehold.gateway.config import GatewayConfig
from freehold.gateway.config_frontier import FrontierConfig
from freehold.gateway.frontier.allowance import Allowance, Nobody
from freehold.gateway.frontier.ends import End, context_of, key_of
from freehold.gateway.frontier.ledger import Reservations
from freehold.gateway.frontier.metrics import FrontierMetrics
from freehold.gateway.frontier.resolver import Resolver
from freehold.gateway.frontier.valve import Valve
from freehold.gateway.frontier.ways import ways_of
from freehold.gateway.policy import owner
from freehold.gateway.policy.breaker import Breaker
from freehold.gateway.policy.judge import judge
from freehold.ledger.frontier import Frontier
from freehold.ledger.store import Store

log = logging.getLogger("freehold.gateway.frontier")


def opened(
    config: GatewayConfig,
    told: FrontierConfig,
    books: Books,
    registry: CollectorRegistry,
    environ: Mapping[str, str],
    *,
    allowance: Allowance | None = None,
) -> Valve:
    """As :func:`freehold.gateway.frontier.opened`, which alone calls it."""
    ways, rules = ways_of(told), judge(owner.read(told.policy))
    metrics, ledger = FrontierMetrics(registry), _ledger(config, told, books)
    ends = _ends(config, told, environ)
    breakers = {name: end.breaker for name, end in ends.items() if end.key}  # one without its key is no provider
    metrics.watch(breakers, ledger.totals if ledger else lambda: None, told)
    return Valve(ways, ends, rules, ledger, allowance or Nobody(), metrics, books.clock.now_ms, lambda: books.writable)


def _ledger(config: GatewayConfig, told: FrontierConfig, books: Books) -> Reservations | None:
    path = config.ledger
    if path is None or books.table is None:
        log.error("nothing leaves: this gateway has no ledger")
        return None
    caps = told.caps if config.is_authority else None
    made = Reservations(lambda: Frontier(Store.open(path), books.clock, caps), told.caps.window_hours)
    made.start()
    return made


def _ends(config: GatewayConfig, told: FrontierConfig, environ: Mapping[str, str]) -> dict[str, End]:
    # A name's port, clock and chance are the process'; one resolver remembers names for all.
    resolver = Resolver(time.monotonic)
    ends = {}
    for provider in told.providers:
        key = key_of(provider, environ)
        if not key:
            log.error("nothing goes to provider %s: no usable credential %s", provider.name, provider.credential)
        breaker = Breaker(time.monotonic, random.SystemRandom().random)
        ends[provider.name] = End(provider, key, breaker, resolver, config.limits, context_of(provider))
    return ends
