"""Judges the facts of a page's head: three tiles, each a state, a word, and the reason in a sentence.

Sovereign is said only where checks of every node are there, none failed and none could not look. Well is said only
where the alert rules are evaluated, no alert asks for anybody and every node answers.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from freehold.report import number
from freehold.report.head import Head
from freehold.report.model import Unit
from freehold.report.naming import in_order
from freehold.report.words import State

OLD_CHECK_SECONDS = 900
"""Three rounds of a five minutes' timer: from then on the rules take an ok for unknown, too (monitoring/config.py)."""

NOT_KNOWN = "Not known"
MOST_NAMES = 5


@dataclass(frozen=True)
class Tile:
    """``id`` is the view that says more."""

    id: str
    title: str
    state: State
    word: str
    reason: str


def tiles(head: Head, at: float) -> tuple[Tile, Tile, Tile]:
    """Sovereignty, health, cost. ``at`` is now, UNIX seconds."""
    return sovereignty(head, at), health(head), cost(head)


def sovereignty(head: Head, at: float) -> Tile:
    """Whether it is the owner's."""
    if head.trouble:
        return Tile("sovereignty", "Sovereignty", "none", NOT_KNOWN, head.trouble)
    failed, unknown = head.value("failed"), head.value("unknown")
    if failed:
        return Tile("sovereignty", "Sovereignty", "bad", "Not sovereign", f"{_many(failed, 'check')} failed")
    doubts = [*_unlooked(head, at), *([f"{_many(unknown, 'check')} could not look"] if unknown else [])]
    if failed is None or unknown is None:
        doubts.append("the counts of failed and unknown checks are missing")
    if doubts:
        return Tile("sovereignty", "Sovereignty", "look", NOT_KNOWN, "; ".join(doubts))
    count, since = sum(head.nodes("outcomes").values()), at - min(head.nodes("checked").values())
    reason = (
        f"{_many(count, 'check')}, none failed, none unknown, looked at {number.duration(round(max(0.0, since)))} ago"
    )
    return Tile("sovereignty", "Sovereignty", "good", "Sovereign", reason)


def _unlooked(head: Head, at: float) -> list[str]:
    """Nodes of which nobody knows, or knew long ago."""
    checked, outcomes = head.nodes("checked"), head.nodes("outcomes")
    wanted = set(head.nodes("declared"))
    if not wanted:
        return ["it is not known which nodes there are"]
    missing = wanted - (set(checked) & set(outcomes))
    old = {node for node, when in checked.items() if not at - when <= OLD_CHECK_SECONDS and node in wanted}
    found = [f"no check of {_listed(missing)}"] if missing else []
    age = number.duration(OLD_CHECK_SECONDS)
    return found + ([f"the last checks of {_listed(old)} are older than {age}"] if old else [])


def _listed(nodes: Collection[str]) -> str:
    """The names, or the first few of them and how many there are."""
    names = sorted(nodes, key=in_order)
    more = f" and others, {len(names)} in all" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def health(head: Head) -> Tile:
    """Whether it is well."""
    if head.trouble:
        return Tile("health", "Health", "none", NOT_KNOWN, head.trouble)
    if not head.is_watched:
        why = "the list of alerts is missing" if head.alerts is None else "the alert rules are not evaluated"
        return Tile("health", "Health", "look", NOT_KNOWN, why)
    state, word = _need(head)
    return Tile("health", "Health", state, word, f"{_alerts(head)}; {_nodes(head)}")


def _need(head: Head) -> tuple[State, str]:
    severities = {alert.severity for alert in head.firing}
    if "critical" in severities:
        return "bad", "Somebody is needed"
    up, declared = head.nodes("up"), head.nodes("declared")
    silent = [node for node in declared if up.get(node) != 1]
    # A severity that nobody defined is not taken for a harmless one.
    return ("look", "Worth a look") if severities - {"info", "none"} or silent or not declared else ("good", "Well")


def _alerts(head: Head) -> str:
    counts = {alert.severity or "other": 0 for alert in head.firing}
    for alert in head.firing:
        counts[alert.severity or "other"] += 1
    if not counts:
        return "no alert"
    return ", ".join(f"{count} {severity}" for severity, count in counts.items()) + _plural(
        " alert", sum(counts.values())
    )


def _nodes(head: Head) -> str:
    declared, resting = head.nodes("declared"), head.nodes("maintenance")
    if not declared:
        return "no node is declared"
    answering = sum(1 for node in declared if head.nodes("up").get(node) == 1)
    said = f"{answering} of {_many(len(declared), 'node')} {'answers' if answering == 1 else 'answer'}"
    return said + (f", {len(resting)} in maintenance" if resting else "")


def cost(head: Head) -> Tile:
    """What a million tokens costs, over the last day, else over the last hour."""
    if head.trouble:
        return Tile("cost", "Cost", "none", NOT_KNOWN, head.trouble)
    for name, window in (("cost_day", "day"), ("cost_hour", "hour")):
        found = [sample for sample in head.facts.get(name, ()) if math.isfinite(sample.value)]
        if found:
            word = " + ".join(_money(sample.value, sample.labels.get("currency", "")) for sample in found)
            return Tile(
                "cost", "Cost", "none", word, f"a million tokens, in and out, over the last {window}{_hourly(head)}"
            )
    return Tile("cost", "Cost", "none", NOT_KNOWN, f"no tokens were counted{_hourly(head)}")


def _hourly(head: Head) -> str:
    found = [sample for sample in head.facts.get("per_hour", ()) if math.isfinite(sample.value)]
    shown = " + ".join(_money(sample.value, sample.labels.get("currency", "")) for sample in found)
    return f"; the fleet costs {shown} an hour" if shown else ""


def _money(value: float, currency: str) -> str:
    return number.text(value, Unit.MONEY, currency=currency)


def _many(count: float, noun: str) -> str:
    return f"{count:,.0f}{_plural(f' {noun}', count)}"


def _plural(noun: str, count: float) -> str:
    return noun if count == 1 else f"{noun}s"
