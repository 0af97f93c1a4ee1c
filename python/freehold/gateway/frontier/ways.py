"""The names that may leave: each route with its provider, its prices, and the rule that a decision takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from freehold.errors import FreeholdError
from freehold.gateway.config_frontier import FrontierConfig, Provider, Route
from freehold.gateway.frontier.outgoing import SPOKEN, Measure
from freehold.gateway.policy.facts import Provider as There
from freehold.gateway.policy.facts import RouteRule
from freehold.gateway.policy.reasons import Otherwise
from freehold.ledger.caps import MOST_TOKENS, Amount
from freehold.ledger.key_records import MOST
from freehold.prices import overlay, table
from freehold.prices.cost import Counts, cost, worst_case
from freehold.prices.model import ModelPrices
from freehold.prices.overlay import Contract

NO_SHELF = ""
"""No provider of the pinned table: only contracts have prices then."""


@dataclass(frozen=True)
class Way:
    """One route. ``prices`` is none where nobody knows a price: nothing goes there."""

    route: Route
    provider: Provider
    prices: ModelPrices | None

    @property
    def there(self) -> str:
        """The model as answers, metrics and the ledger's rows have it."""
        return f"{self.provider.name}/{self.route.provider_model}"

    def rule(self, path: str, *, reachable: bool = True) -> RouteRule:
        """What the owner says of this name, for a request of ``path``; a provider that does not speak it is none."""
        spoken = reachable and path in SPOKEN[self.provider.protocol]
        return RouteRule(
            self.route.model,
            self.route.local,
            There(self.provider.name, self.route.provider_model) if spoken else None,
            by_name=self.route.always,
            otherwise=Otherwise(self.route.dark),
        )

    def worst(self, measure: Measure | None, at: datetime) -> Amount | None:
        """The most that a request can use and cost; none where nobody can tell."""
        if measure is None or self.prices is None:
            return None
        try:
            nano = worst_case(
                self.prices, at, prompt=measure.prompt, completion=measure.completion, media=measure.media
            )
        except FreeholdError:
            return None
        return Amount(measure.tokens, nano) if measure.tokens <= MOST_TOKENS and nano <= MOST else None

    def cost(self, counts: Counts, began: datetime, ended: datetime) -> int | None:
        """What an answer cost, nano-USD; none where its counts cannot be believed."""
        if self.prices is None:
            return None
        try:
            nano = cost(self.prices, counts, began, ended)
        except FreeholdError:
            return None
        return nano if nano <= MOST else None

    def price_id(self, at: datetime) -> str:
        """The line of the table or the contract that holds now."""
        try:
            return self.prices.at(at).source if self.prices else ""
        except FreeholdError:
            return ""


def ways_of(config: FrontierConfig) -> dict[str, Way]:
    """Every route by its name. Raises the errors of ``prices`` together, and ``PRICE_TABLE_CHANGED``."""
    contracts = overlay.read(config.prices, "the gateway's prices")
    providers = {provider.name: provider for provider in config.providers}
    return {
        route.model: Way(route, providers[route.provider], _prices(providers[route.provider], route, contracts))
        for route in config.routes
    }


def _prices(provider: Provider, route: Route, contracts: Sequence[Contract]) -> ModelPrices | None:
    # A contract names the owner's provider, the table its own: the same provider may have two names.
    shelf = provider.prices or NO_SHELF
    own = [replace(one, provider=shelf) for one in contracts if one.provider == provider.name]
    wanted = (shelf, route.provider_model)
    found: Mapping[tuple[str, str], ModelPrices] = table.load([wanted], own).models
    return found.get(wanted)
