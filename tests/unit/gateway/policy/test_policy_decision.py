"""Of all combinations of the conditions exactly one leaves; whatever is unknown or missing stays or is refused."""

import itertools
import json
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from tests.unit.gateway.policy.caps import Caps

from freehold.gateway.policy.decision import Decision, decide
from freehold.gateway.policy.explain import as_json, line, sentence, tables
from freehold.gateway.policy.facts import KeyFacts, Provider, RequestFacts, RouteRule
from freehold.gateway.policy.reasons import MEANING, Asked, Otherwise, Outcome, Reason
from freehold.gateway.policy.rule import Finding

FOUND = (Finding("email", "$.messages[0].content", 2),)
REQUEST = RequestFacts("big", tokens=100, nano_usd=1_000)
KEY = KeyFacts("app", frontier=True)
ROUTE = RouteRule("big", local="small", provider=Provider("one", "one-large"), by_name=True)
CAPS = Caps(
    clock_steady=True,
    ledger_writable=True,
    lease_held=True,
    provider_up=True,
    frontier_tokens=0,
    all_tokens=10_000,
    share_ppm=50_000,
    used_nano_usd=0,
    cap_nano_usd=1_000,
    key_used_nano_usd=0,
    key_cap_nano_usd=1_000,
)
# What each condition is made of: the argument, and how it stops holding, in the order of the reasons.
BREAKS: dict[Reason, tuple[str, dict[str, Any]]] = {
    Reason.CALLER_FORBIDS: ("request", {"header": "deny"}),
    Reason.NOT_ASKED: ("route", {"by_name": False}),
    Reason.KEY_MAY_NOT: ("key", {"frontier": False}),
    Reason.NO_PROVIDER: ("route", {"provider": None}),
    Reason.RULE_FOUND: ("findings", {}),
    Reason.PRICE_UNKNOWN: ("request", {"nano_usd": 0}),
    Reason.CLOCK_STEPPED: ("caps", {"clock_steady": False}),
    Reason.LEDGER_NOT_WRITABLE: ("caps", {"ledger_writable": False}),
    Reason.NO_LEASE: ("caps", {"lease_held": False}),
    Reason.SHARE_CAP: ("caps", {"share_ppm": 9_900}),
    Reason.MONEY_CAP: ("caps", {"cap_nano_usd": -1}),
    Reason.PROVIDER_DARK: ("caps", {"provider_up": False}),
}


def world(broken: tuple[Reason, ...]) -> dict[str, Any]:
    given: dict[str, Any] = {"request": REQUEST, "key": KEY, "route": ROUTE, "caps": CAPS, "findings": ()}
    for reason in broken:
        name, change = BREAKS[reason]
        given[name] = replace(given[name], **change) if change else FOUND
    return given


def every_combination() -> list[tuple[Reason, ...]]:
    return [
        tuple(reason for reason, off in zip(BREAKS, switches, strict=True) if off)
        for switches in itertools.product((False, True), repeat=len(BREAKS))
    ]


def test_of_all_combinations_exactly_one_leaves() -> None:
    combinations = every_combination()
    leaving = [broken for broken in combinations if decide(**world(broken)).outcome is Outcome.LEAVES]
    assert len(combinations) == 4096
    assert leaving == [()]


def test_the_reasons_are_those_that_were_broken_in_their_order() -> None:
    implied = {Reason.CALLER_FORBIDS: Reason.NOT_ASKED, Reason.PRICE_UNKNOWN: Reason.MONEY_CAP}
    for broken in every_combination():
        decision = decide(**world(broken))
        if broken and decision.reason is not Reason.LOCAL_MODEL:
            assert decision.reason is broken[0]
        expected = set(broken) | {implied[one] for one in broken if one in implied}
        assert decision.stops == tuple(one for one in BREAKS if one in expected)


def test_what_leaves_names_who_answers_and_who_asked() -> None:
    decision = decide(**world(()))
    assert decision == Decision(
        Outcome.LEAVES,
        Reason.ALL_CONDITIONS_HELD,
        "big",
        "one-large",
        "one",
        Asked.NAME,
        conditions=decision.conditions,
    )
    assert all(one.held for one in decision.conditions)


@pytest.mark.parametrize(
    ("route", "header", "asked"),
    [
        ({"by_name": True}, None, Asked.NAME),
        ({"by_name": False}, "allow", Asked.HEADER),
        ({"by_name": False, "always": True}, None, Asked.RULE),
        ({"by_name": False, "always": True}, "allow", Asked.HEADER),
    ],
)
def test_name_header_or_rule_ask(route: dict[str, Any], header: str | None, asked: Asked) -> None:
    decision = decide(replace(REQUEST, header=header), KEY, replace(ROUTE, **route), CAPS, ())
    assert (decision.outcome, decision.asked) == (Outcome.LEAVES, asked)


@pytest.mark.parametrize("header", ["deny", "", "Allow", "allow ", "yes"])
def test_any_other_header_forbids_and_the_local_model_answers(header: str) -> None:
    for route in (ROUTE, replace(ROUTE, by_name=False, always=True)):
        decision = decide(replace(REQUEST, header=header), KEY, route, CAPS, ())
        assert (decision.outcome, decision.model, decision.instead) == (Outcome.LOCAL, "small", False)


@pytest.mark.parametrize("reason", [one for one in BREAKS if one not in {Reason.NOT_ASKED, Reason.CALLER_FORBIDS}])
@pytest.mark.parametrize("otherwise", list(Otherwise))
def test_a_route_says_what_becomes_of_what_may_not_leave(reason: Reason, otherwise: Otherwise) -> None:
    given = world((reason,))
    given["route"] = replace(given["route"], otherwise=otherwise)
    decision = decide(**given)
    here = otherwise is Otherwise.ANSWER_LOCALLY
    assert (decision.outcome, decision.reason) == (Outcome.LOCAL if here else Outcome.REFUSED, reason)
    assert (decision.model, decision.instead) == (("small", True) if here else (None, False))


def test_without_a_local_model_there_is_only_refusing() -> None:
    for otherwise in Otherwise:
        route = replace(ROUTE, local=None, otherwise=otherwise)
        assert decide(REQUEST, KEY, route, replace(CAPS, provider_up=False), ()).outcome is Outcome.REFUSED
        assert decide(replace(REQUEST, header="deny"), KEY, route, CAPS, ()).reason is Reason.CALLER_FORBIDS


def test_a_local_model_that_nobody_asked_more_of_answers_whatever_else_is_broken() -> None:
    route = RouteRule("small", local="small")
    decision = decide(RequestFacts("small"), None, route, None, None)
    assert (decision.outcome, decision.reason, decision.model) == (Outcome.LOCAL, Reason.LOCAL_MODEL, "small")


@pytest.mark.parametrize("name", ["request", "key", "route", "caps", "findings"])
def test_a_missing_argument_never_leaves(name: str) -> None:
    assert decide(**{**world(()), name: None}).outcome is not Outcome.LEAVES


@pytest.mark.parametrize("field", list(Caps.__slots__))
def test_an_unknown_number_or_state_never_leaves(field: str) -> None:
    decision = decide(REQUEST, KEY, ROUTE, replace(CAPS, **{field: None}), ())
    assert decision.outcome is Outcome.REFUSED
    assert [one.held for one in decision.conditions if one.held is not True] == [None]


@pytest.mark.parametrize("field", ["tokens", "nano_usd"])
@pytest.mark.parametrize("value", [None, 0, -1])
def test_a_request_without_a_known_size_and_price_never_leaves(field: str, value: int | None) -> None:
    change: dict[str, Any] = {field: value}
    decision = decide(replace(REQUEST, **change), KEY, ROUTE, CAPS, ())
    assert decision.reason is Reason.PRICE_UNKNOWN


@pytest.mark.parametrize("provider", [Provider("", "m"), Provider("p", "")])
def test_a_provider_without_a_name_or_model_is_none(provider: Provider) -> None:
    assert decide(REQUEST, KEY, replace(ROUTE, provider=provider), CAPS, ()).reason is Reason.NO_PROVIDER


def test_caps_hold_to_the_last_token_and_nano_dollar() -> None:
    caps = replace(CAPS, frontier_tokens=400, all_tokens=9_900, used_nano_usd=500, cap_nano_usd=1_500)
    assert decide(REQUEST, KEY, ROUTE, caps, ()).outcome is Outcome.LEAVES
    assert decide(replace(REQUEST, tokens=106), KEY, ROUTE, caps, ()).reason is Reason.SHARE_CAP
    assert decide(replace(REQUEST, nano_usd=1_001), KEY, ROUTE, caps, ()).reason is Reason.MONEY_CAP
    assert decide(REQUEST, KEY, ROUTE, replace(caps, key_used_nano_usd=1), ()).reason is Reason.MONEY_CAP


def test_the_first_request_of_a_fleet_cannot_be_all_of_its_tokens() -> None:
    caps = replace(CAPS, frontier_tokens=0, all_tokens=0)
    assert decide(REQUEST, KEY, ROUTE, caps, ()).reason is Reason.SHARE_CAP


def test_every_reason_has_a_meaning() -> None:
    assert MEANING.keys() == set(Reason)


def test_explaining_names_the_rule_and_place_and_all_conditions() -> None:
    decision = decide(**world((Reason.RULE_FOUND, Reason.MONEY_CAP)))
    console = Console(width=140, record=True, file=StringIO())
    console.print(tables(decision))
    text = console.export_text()
    for word in ("refused", "(email)", "$.messages[0].content", "An e-mail address", "money_cap", "does not hold"):
        assert word in text
    assert json.loads(line(decision)) == as_json(decision)
    assert as_json(decision)["findings"] == [{"rule": "email", "where": "$.messages[0].content", "count": 2}]


@pytest.mark.parametrize("broken", [(), (Reason.NOT_ASKED,), (Reason.PROVIDER_DARK,)])
def test_the_sentence_says_what_happens(broken: tuple[Reason, ...]) -> None:
    given = world(broken)
    given["route"] = replace(given["route"], otherwise=Otherwise.ANSWER_LOCALLY)
    said = sentence(decide(**given))
    expected = {
        (): "This request leaves: one-large at one answers.",
        (Reason.NOT_ASKED,): "This request stays: small answers here. The model is served here.",
        (Reason.PROVIDER_DARK,): "small answers here, instead of the frontier that was asked for.",
    }
    assert expected[broken] in said
