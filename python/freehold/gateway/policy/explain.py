"""A decision in words: what ``freehold gateway explain`` prints. Nothing of the request's text is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from freehold.gateway.policy.decision import Condition, Decision
from freehold.gateway.policy.judge import DESCRIPTIONS
from freehold.gateway.policy.reasons import MEANING, Asked, Outcome, Reason
from freehold.gateway.policy.rule import Finding

COLOURS = {Outcome.LOCAL: "green", Outcome.LEAVES: "bold yellow", Outcome.REFUSED: "bold red"}
HELD = {True: ("holds", "green"), False: ("does not hold", "red"), None: ("not known", "yellow")}


def as_json(decision: Decision) -> dict[str, Any]:
    """Return the whole decision as plain JSON types."""
    return {
        "outcome": decision.outcome.value,
        "reason": decision.reason.value,
        "asked_for": decision.asked_for,
        "model": decision.model,
        "provider": decision.provider,
        "asked": decision.asked.value if decision.asked else None,
        "instead": decision.instead,
        "conditions": [{"id": one.reason.value, "held": one.held} for one in decision.conditions],
        "findings": [{"rule": one.rule, "where": one.where, "count": one.count} for one in decision.findings],
    }


def of_json(told: Mapping[str, Any]) -> Decision:
    """Return what :func:`as_json` told."""
    return Decision(
        Outcome(told["outcome"]),
        Reason(told["reason"]),
        told["asked_for"],
        told["model"],
        told["provider"],
        Asked(told["asked"]) if told["asked"] else None,
        told["instead"],
        tuple(Condition(Reason(one["id"]), one["held"]) for one in told["conditions"]),
        tuple(Finding(one["rule"], one["where"], one["count"]) for one in told["findings"]),
    )


def line(decision: Decision) -> str:
    """Return the decision as one line of JSON."""
    return json.dumps(as_json(decision), separators=(",", ":"))


def tables(decision: Decision, descriptions: Mapping[str, str] = DESCRIPTIONS) -> Group:
    """Return the decision for a terminal. ``descriptions`` say what each rule looks for; the owner's own add theirs."""
    return Group(*_parts(decision, descriptions))


def sentence(decision: Decision) -> str:
    """Return the decision in one sentence, for a terminal and for an answer's message."""
    why = MEANING[decision.reason]
    if decision.outcome is Outcome.LEAVES:
        return f"This request leaves: {decision.model} at {decision.provider} answers. {why}."
    if decision.outcome is Outcome.REFUSED:
        return f"This request is refused. {why}{_rules(decision)}."
    instead = ", instead of the frontier that was asked for" if decision.instead else ""
    return f"This request stays: {decision.model} answers here{instead}. {why}{_rules(decision)}."


def _rules(decision: Decision) -> str:
    names = sorted({one.rule for one in decision.findings})
    return f" ({', '.join(names)})" if names and decision.instead | (decision.outcome is Outcome.REFUSED) else ""


def _parts(decision: Decision, descriptions: Mapping[str, str]) -> Iterator[Table | Text]:
    yield Text(sentence(decision), COLOURS[decision.outcome])
    if decision.conditions:
        yield _conditions(decision.conditions)
    if decision.findings:
        yield _findings(decision, descriptions)


def _conditions(conditions: tuple[Condition, ...]) -> Table:
    table = _table("What has to hold before a request leaves", "condition", "now", "where it does not hold")
    for one in conditions:
        word, colour = HELD[one.held]
        table.add_row(one.reason.value, Text(word, colour), "" if one.held else MEANING[one.reason])
    return table


def _findings(decision: Decision, descriptions: Mapping[str, str]) -> Table:
    table = _table("What may never leave", "rule", "where", "times", "it looks for")
    for one in decision.findings:
        table.add_row(one.rule, one.where, str(one.count), descriptions.get(one.rule, "The owner's own"))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
