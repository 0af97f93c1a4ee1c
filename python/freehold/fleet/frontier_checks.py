"""Checks of the exception that need more than its names: every model has a price, every rule can be run."""

from __future__ import annotations

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.fleet.keypath import KeyPath, refused, remove_command
from freehold.fleet.raw import Data, Found, items, mapping
from freehold.prices import table

NO_SHELF = ""
"""A provider that names no place in the pinned table has prices of contracts only."""


def judge(frontier: Data) -> Found:
    """Everything that is wrong."""
    yield from _prices(frontier)
    yield from _patterns(frontier)


def _prices(frontier: Data) -> Found:
    shelves = {one.get("name"): one.get("prices") or NO_SHELF for _, one in items(frontier, "providers")}
    contracts = {(one.get("provider"), one.get("model")) for _, one in items(frontier, "prices")}
    for index, route in items(frontier, "routes"):
        provider, model = route.get("provider"), route.get("provider_model")
        if provider not in shelves or not isinstance(model, str) or (provider, model) in contracts:
            continue
        shelf = str(shelves[provider])
        known = table.load([(shelf, model)])
        if (shelf, model) in known.models:
            continue
        where = f"under {shelf!r} in {known.origin}" if shelf else "(the provider names no place in the pinned table)"
        yield refused(
            "CONFIG_PRICE_UNKNOWN",
            ("frontier", "routes", index, "provider_model"),
            f"{model!r}, no such price {where} and in no contract",
            expected="a model with a price in the table or in fleet:frontier.prices",
            why="a call without a price would not be counted against the cap, so it would never leave",
            fix="correct the name, set fleet:frontier.providers[].prices, or add your contract's price",
        )


def _patterns(frontier: Data) -> Found:
    from freehold.gateway.policy import owner  # noqa: PLC0415  its engine is not everywhere where a document is read

    patterns = mapping(frontier.get("never")).get("patterns")
    for index, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
        if not isinstance(pattern, str) or not pattern:
            continue
        try:
            owner.read({"own": [{"id": "owner-pattern", "pattern": pattern}]})
        except (FreeholdError, FreeholdErrors) as caught:
            path: KeyPath = ("frontier", "never", "patterns", index)
            first = caught.errors[0] if isinstance(caught, FreeholdErrors) else caught
            yield refused(
                "CONFIG_BAD_PATTERN",
                path,
                first.found,
                expected=first.expected,
                why="the gateways would not start with it",
                fix=remove_command(path),
            )
