"""What the gateway is told leads somewhere, and nothing leaves without being said whole."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.fleet import document as documents
from freehold.fleet import reading
from freehold.fleet.checks import World
from freehold.fleet.document_schema import FleetDocument
from freehold.gateway import config_frontier
from freehold.service.settings import Table

FRONTIER: dict[str, Any] = {
    "usd_per_day": 10,
    "usd_per_month": 100,
    "providers": [{"name": "acme", "protocol": "openai", "url": "https://api.example.com/v1", "credential": "acme"}],
    "routes": [{"model": "frontier/best", "provider": "acme", "provider_model": "best-1", "local": ""}],
    "prices": [
        {
            "provider": "acme",
            "model": "best-1",
            "effective_from": "2026-11-01",
            "input_per_million": 5,
            "output_per_million": 25,
            "note": "the contract",
        }
    ],
}


@pytest.fixture
def whole(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration with everything: an alias, a client, a provider, a route."""
    model = config["models"][0]["name"]
    frontier = copy.deepcopy(FRONTIER)
    frontier["routes"][0]["local"] = model
    return {
        **config,
        "credentials": {"acme": "a provider's key"},
        "gateway": {"aliases": {"gpt-5": model}},
        "clients": {"operator": {"models": ["gpt-5", "frontier/best"], "frontier": True, "expires": "2027-12-31"}},
        "frontier": frontier,
    }


def faults(config: dict[str, Any], world: World) -> list[tuple[str, str]]:
    try:
        reading.read(reading.Raw(config), world)
    except FreeholdErrors as caught:
        return [(error.code, error.subject.partition(":")[2]) for error in caught.errors]
    return []


def route(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = config["frontier"]["routes"][0]
    return found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c["gateway"]["aliases"].update(x="none"), ("CONFIG_UNKNOWN_MODEL", "gateway.aliases.x")),
        (
            lambda c: c["gateway"]["aliases"].update({c["models"][0]["name"]: c["models"][0]["name"]}),
            ("CONFIG_ALIAS_HIDES", "gateway.aliases.{model}"),
        ),
        (lambda c: c["gateway"].update(authority="gpu9"), ("CONFIG_UNKNOWN_HOST", "gateway.authority")),
        (lambda c: c["clients"].update(nobody={}), ("CONFIG_UNKNOWN_CLIENT", "clients.nobody")),
        (
            lambda c: c["clients"]["operator"].update(models=["none"]),
            ("CONFIG_UNKNOWN_MODEL", "clients.operator.models[0]"),
        ),
        (
            lambda c: c["clients"]["operator"].update(expires="2027-02-30"),
            ("CONFIG_BAD_DATE", "clients.operator.expires"),
        ),
        (lambda c: c.update(credentials={}), ("CONFIG_UNKNOWN_CREDENTIAL", "frontier.providers[0].credential")),
        (
            lambda c: c["frontier"]["providers"][0].update(url="http://api.example.com"),
            ("CONFIG_BAD_URL", "frontier.providers[0].url"),
        ),
        (
            lambda c: c["frontier"]["providers"].append(c["frontier"]["providers"][0]),
            ("CONFIG_DUPLICATE_NAME", "frontier.providers[1].name"),
        ),
        (lambda c: route(c).update(provider="none"), ("CONFIG_UNKNOWN_PROVIDER", "frontier.routes[0].provider")),
        (lambda c: route(c).update(local="gpt-5"), ("CONFIG_UNKNOWN_MODEL", "frontier.routes[0].local")),
        (
            lambda c: c["gateway"]["aliases"].update({"frontier/best": c["models"][0]["name"]}),
            ("CONFIG_ROUTE_HIDES", "frontier.routes[0].model"),
        ),
        (lambda c: c["frontier"].pop("usd_per_day"), ("CONFIG_MISSING", "frontier.usd_per_day")),
        (lambda c: c["frontier"].update(share=0), ("CONFIG_BAD_VALUE", "frontier.share")),
        (
            lambda c: c["frontier"]["prices"].append({**c["frontier"]["prices"][0], "provider": "none"}),
            ("CONFIG_UNKNOWN_PROVIDER", "frontier.prices[1].provider"),
        ),
        (lambda c: c["frontier"].pop("prices"), ("CONFIG_PRICE_UNKNOWN", "frontier.routes[0].provider_model")),
        (
            lambda c: c["frontier"].update(never={"patterns": ["(?=x)"]}),
            ("CONFIG_BAD_PATTERN", "frontier.never.patterns[0]"),
        ),
        (lambda c: c["frontier"]["providers"][0].update(ca="x"), ("CONFIG_BAD_VALUE", "frontier.providers[0].ca")),
    ],
)
def test_each_fault_is_named_at_its_key(whole: dict[str, Any], world: World, change: Any, expected: Any) -> None:
    assert faults(whole, world) == []
    change(whole)
    code, place = expected
    assert faults(whole, world) == [(code, place.replace("{model}", whole["models"][0]["name"]))]


def test_by_default_nothing_may_leave(config: dict[str, Any], world: World) -> None:
    read = reading.read(reading.Raw(config), world)
    document = documents.build(read.settings, read.bundle, read.keys, "test")
    FleetDocument.model_validate(document)
    assert document["frontier"] is None
    assert [key["frontier"] for key in document["gateway"]["keys"]] == [False]


def test_the_document_says_what_each_client_may_and_who_keeps_the_books(whole: dict[str, Any], world: World) -> None:
    read = reading.read(reading.Raw(whole), world)
    document = documents.build(read.settings, read.bundle, read.keys, "test")
    FleetDocument.model_validate(document)
    (key,) = document["gateway"]["keys"]
    assert (key["name"], key["frontier"], key["expires"]) == ("operator", True, "2027-12-31")
    assert document["gateway"]["authority"] == document["monitor"][0]
    assert document["frontier"]["share_ppm"] == 50_000
    assert whole["credentials"]["acme"] not in str(document)
    told = json.dumps([document["gateway"], {**document["frontier"], "prices": []}])
    assert not re.search(r":\s*\d+\.\d", told), "a float comes back from Pulumi as another text"


def test_all_faults_come_together(whole: dict[str, Any], world: World) -> None:
    whole["gateway"]["authority"] = "gpu9"
    route(whole).update(provider="none", local="none")
    assert len(faults(whole, world)) == 3


def test_the_gateway_takes_what_the_document_says_of_the_exception(whole: dict[str, Any], world: World) -> None:
    whole["frontier"]["never"] = {"words": ["Project Heron"], "patterns": ["CUST-[0-9]{6}"], "phone_numbers": True}
    read = reading.read(reading.Raw(whole), world)
    frontier = documents.build(read.settings, read.bundle, read.keys, "test")["frontier"]
    errors: list[FreeholdError] = []
    config = config_frontier.read(Table("gateway.json", frontier, errors))
    assert errors == []
    assert (config.share_ppm, config.routes[0].local) == (50_000, whole["models"][0]["name"])
    assert frontier["policy"]["also"] == ["phone"]
    assert [rule["id"] for rule in frontier["policy"]["own"]] == ["owner-words", "owner-pattern-1"]
    assert frontier["prices"][0]["per_million_tokens"] == {"input": "5.0", "output": "25.0"}


def test_a_price_of_the_pinned_table_is_enough(whole: dict[str, Any], world: World) -> None:
    whole["frontier"].pop("prices")
    whole["frontier"]["providers"][0]["prices"] = "openai"
    route(whole)["provider_model"] = "gpt-5"
    assert faults(whole, world) == []
    route(whole)["provider_model"] = "gpt-nonsense"
    assert faults(whole, world) == [("CONFIG_PRICE_UNKNOWN", "frontier.routes[0].provider_model")]
