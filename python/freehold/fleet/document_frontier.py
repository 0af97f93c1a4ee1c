"""The exception, as the gateway's settings take it: rules of what never leaves, and prices, in their readers' forms."""

from __future__ import annotations

from typing import Any

from freehold.fleet.settings_gateway import ContractPrice, Frontier, NeverLeaves


def build(frontier: Frontier | None) -> dict[str, Any] | None:
    """For :mod:`freehold.gateway.config_frontier`; none where nothing may leave."""
    if frontier is None:
        return None
    plain = frontier.model_dump(mode="json", exclude={"never", "prices"})
    return {**plain, "policy": _policy(frontier.never), "prices": [_price(price) for price in frontier.prices]}


def _policy(never: NeverLeaves) -> dict[str, Any]:
    """For :mod:`freehold.gateway.policy.owner`."""
    own: list[dict[str, Any]] = [{"id": "owner-words", "words": list(never.words)}] if never.words else []
    own += [{"id": f"owner-pattern-{n}", "pattern": pattern} for n, pattern in enumerate(never.patterns, 1)]
    return {"also": ["phone"] if never.phone_numbers else [], "images": never.images, "own": own}


def _price(price: ContractPrice) -> dict[str, Any]:
    """For :mod:`freehold.prices.overlay`."""
    per = {"input": price.input_per_million, "output": price.output_per_million}
    if price.cached_per_million is not None:
        per["cached"] = price.cached_per_million
    told = price.model_dump(mode="json", include={"provider", "model", "effective_from", "note"})
    return {**told, "per_million_tokens": per}
