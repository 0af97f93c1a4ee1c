"""The exception, as the gateway's settings take it: rules of what never leaves, and prices, in their readers' forms.

Nothing here is a float: one that is a whole number comes back from Pulumi as an integer, and the gateway would restart
for ``0`` in place of ``0.0``.
"""

from __future__ import annotations

from typing import Any

from freehold.fleet.settings_gateway import Client, ContractPrice, Frontier, NeverLeaves
from freehold.ledger.money import nano_usd

MILLION = 10**6


def build(frontier: Frontier | None) -> dict[str, Any] | None:
    """For :mod:`freehold.gateway.config_frontier`; none where nothing may leave."""
    if frontier is None:
        return None
    plain = frontier.model_dump(mode="json", exclude={"share", "usd_per_day", "usd_per_month", "never", "prices"})
    caps = {"share_ppm": round(frontier.share * MILLION)}
    caps |= {"nano_usd_per_day": nano_usd(frontier.usd_per_day), "nano_usd_per_month": nano_usd(frontier.usd_per_month)}
    return {**plain, **caps, "policy": _policy(frontier.never), "prices": [_price(price) for price in frontier.prices]}


def of_client(client: Client) -> dict[str, Any]:
    """What a client may, for :class:`freehold.gateway.config.Key`."""
    plain = client.model_dump(mode="json", exclude={"frontier_usd_per_month"})
    return {**plain, "frontier_nano_usd_per_month": nano_usd(client.frontier_usd_per_month)}


def _policy(never: NeverLeaves) -> dict[str, Any]:
    """For :mod:`freehold.gateway.policy.owner`."""
    own: list[dict[str, Any]] = [{"id": "owner-words", "words": list(never.words)}] if never.words else []
    own += [{"id": f"owner-pattern-{n}", "pattern": pattern} for n, pattern in enumerate(never.patterns, 1)]
    return {"also": ["phone"] if never.phone_numbers else [], "images": never.images, "own": own}


def _price(price: ContractPrice) -> dict[str, Any]:
    """For :mod:`freehold.prices.overlay`."""
    per = {"input": str(price.input_per_million), "output": str(price.output_per_million)}
    if price.cached_per_million is not None:
        per["cached"] = str(price.cached_per_million)
    told = price.model_dump(mode="json", include={"provider", "model", "effective_from", "note"})
    return {**told, "per_million_tokens": per}
