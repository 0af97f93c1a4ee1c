"""The tiles say good only where everything that would say otherwise was looked at."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.report.conftest import NOW

from freehold.report import head, verdict
from freehold.report.answers import Alert, Failure, Sample
from freehold.report.head import Head

GOOD: dict[str, tuple[Sample, ...]] = {
    "failed": (Sample({}, 0),),
    "unknown": (Sample({}, 0),),
    "outcomes": (Sample({"node": "gpu1"}, 9), Sample({"node": "gpu2"}, 9)),
    "checked": (Sample({"node": "gpu1"}, NOW - 60), Sample({"node": "gpu2"}, NOW - 240)),
    "declared": (Sample({"node": "gpu1"}, 1), Sample({"node": "gpu2"}, 1)),
    "up": (Sample({"node": "gpu1"}, 1), Sample({"node": "gpu2"}, 1)),
    "cost_day": (Sample({"currency": "EUR"}, 2.67),),
    "per_hour": (Sample({"currency": "EUR"}, 15.9),),
}
NODES = tuple(Sample({"node": f"n{number}"}, 1) for number in range(100))
RESTING = (Sample({"node": "gpu2"}, 1),)
SWITCH = Alert({"alertname": head.SWITCH, "severity": "none"}, {}, "firing", "")


def alert(severity: str, state: str = "firing") -> Alert:
    return Alert({"alertname": "FreeholdX", "severity": severity}, {}, state, "")


def read(newest: float = NOW - 3, alerts: Any = (SWITCH,), **facts: Any) -> Head:
    return Head.of((Sample({}, newest),), {**GOOD, **facts}, alerts, NOW)


def test_all_is_well() -> None:
    sovereignty, health, cost = verdict.tiles(read(), NOW)
    assert (sovereignty.word, sovereignty.state) == ("Sovereign", "good")
    assert sovereignty.reason == "18 checks, none failed, none unknown, looked at 4\u202fmin ago"
    assert (health.word, health.reason) == ("Well", "no alert; 2 of 2 nodes answer")
    assert cost.word == "2.67\u202fEUR"
    assert "15.90\u202fEUR an hour" in cost.reason


@pytest.mark.parametrize(
    ("facts", "word", "reason"),
    [
        ({"failed": (Sample({}, 1),)}, "Not sovereign", "1 check failed"),
        ({"unknown": (Sample({}, 2),)}, "Not known", "2 checks could not look"),
        ({"failed": ()}, "Not known", "the counts"),
        ({"failed": Failure("slow", "slow")}, "Not known", "the counts"),
        ({"failed": (Sample({}, float("nan")),)}, "Not known", "the counts"),
        ({"outcomes": GOOD["outcomes"][:1]}, "Not known", "no check of gpu2"),
        ({"checked": ()}, "Not known", "no check of gpu1, gpu2"),
        ({"declared": (), "checked": (), "outcomes": ()}, "Not known", "which nodes there are"),
        ({"declared": Failure("slow", "slow")}, "Not known", "which nodes there are"),
        ({"declared": NODES, "outcomes": ()}, "Not known", "no check of n0, n1, n2, n3, n4 and others, 100 in all"),
        (
            {"checked": (GOOD["checked"][0], Sample({"node": "gpu2"}, NOW - 1000))},
            "Not known",
            "older than 15\u202fmin",
        ),
        (
            {"checked": (GOOD["checked"][0], Sample({"node": "gpu2"}, float("nan")))},
            "Not known",
            "older than 15\u202fmin",
        ),
    ],
)
def test_sovereign_is_not_said_where_anything_is_in_doubt(facts: dict[str, Any], word: str, reason: str) -> None:
    tile = verdict.sovereignty(read(**facts), NOW)
    assert tile.word == word
    assert reason in tile.reason
    assert tile.state != "good"


@pytest.mark.parametrize(
    ("given", "word", "reason"),
    [
        ({"alerts": (SWITCH, alert("critical"), alert("info"))}, "Somebody is needed", "1 critical, 1 info alerts"),
        ({"alerts": (SWITCH, alert("warning"))}, "Worth a look", "1 warning alert;"),
        ({"alerts": (SWITCH, alert("strange"))}, "Worth a look", "1 strange alert;"),
        ({"alerts": (SWITCH, alert("info"))}, "Well", "1 info alert;"),
        ({"alerts": (SWITCH, alert("critical", "pending"))}, "Well", "no alert"),
        ({"alerts": ()}, "Not known", "the alert rules are not evaluated"),
        ({"alerts": Failure("slow", "slow")}, "Not known", "the list of alerts is missing"),
        ({"up": GOOD["up"][:1]}, "Worth a look", "1 of 2 nodes answers"),
        ({"declared": ()}, "Worth a look", "no node is declared"),
        ({"declared": GOOD["declared"][:1], "maintenance": RESTING}, "Well", "1 of 1 node answers, 1 in maintenance"),
    ],
)
def test_well_is_said_only_where_alerts_are_evaluated_and_silent(given: dict[str, Any], word: str, reason: str) -> None:
    tile = verdict.health(read(**given))
    assert tile.word == word
    assert reason in tile.reason


def test_a_cost_that_is_not_known_is_not_zero() -> None:
    nothing = verdict.cost(read(cost_day=(), cost_hour=()))
    assert (nothing.word, nothing.state) == ("Not known", "none")
    assert "no tokens were counted" in nothing.reason
    hour = verdict.cost(read(cost_day=(), cost_hour=(Sample({"currency": "USD"}, 3.1),)))
    assert (hour.word, "over the last hour" in hour.reason) == ("3.10\u202fUSD", True)
    assert verdict.cost(read(cost_day=(Sample({}, float("inf")),))).word == "Not known"


@pytest.mark.parametrize(
    ("newest", "trouble"),
    [
        ((Sample({}, NOW - 3),), ""),
        ((Sample({}, NOW - 61),), "61 seconds old"),
        ((Sample({}, NOW + 30),), "in the future"),
        ((), "nothing for five minutes"),
        ((Sample({}, float("nan")),), "nothing for five minutes"),
    ],
)
def test_old_figures_are_never_taken_for_new_ones(newest: tuple[Sample, ...], trouble: str) -> None:
    found = Head.of(newest, GOOD, (SWITCH,), NOW)
    assert trouble in found.trouble
    assert bool(found.trouble) == bool(trouble)
    words = {tile.word for tile in verdict.tiles(found, NOW)}
    assert (words == {"Not known"}) == bool(trouble)
