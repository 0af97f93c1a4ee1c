"""Rules ask for what exists, are named after what they record, and carry their figures from one place."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from monitoring import config, render, rules
from monitoring.metrics_page import known_names
from monitoring.model import PLACE, Alert, Recording, Threshold, filled

from freehold.paths import PROJECT

RUNBOOKS = PROJECT / "docs" / "runbooks"
RECORDED_NAME = re.compile(r"freehold:[a-z0-9_]+(:[a-z0-9_]+)?")
SHORTEST, LONGEST = 15, 100


def everything() -> list[Alert | Recording]:
    return [*rules.recorded(), *rules.alerts()]


def expressions() -> list[tuple[str, str]]:
    made = [(one.name, filled(one.expr, one.limits)) for one in rules.recorded()]
    return made + [(one.name, one.whole_expr) for one in rules.alerts()]


def asked(expr: str) -> set[str]:
    """The names of the series that an expression asks for."""
    return {name for node in walked(promql_parser.parse(expr)) if (name := selector(node))}


def selector(node: Any) -> str | None:
    return str(node.name) if isinstance(node, promql_parser.VectorSelector) and node.name else None


PARTS = ("expr", "lhs", "rhs", "param", "args", "vector_selector")


def walked(node: Any) -> list[Any]:
    """The node and all below it."""
    parts = [getattr(node, name, None) for name in PARTS]
    flat = [one for part in parts for one in (part if isinstance(part, list) else [part]) if one is not None]
    return [node, *(inner for one in flat if not isinstance(one, str | float) for inner in walked(one))]


@pytest.mark.parametrize(("name", "expr"), expressions(), ids=lambda value: value if "(" not in value else "")
def test_every_name_that_a_rule_asks_for_is_documented(name: str, expr: str) -> None:
    found = asked(expr)
    assert found, name
    assert found - known_names() == set()


def test_a_name_that_nobody_knows_is_found() -> None:
    """The positive control of the test above."""
    assert asked("sum(rate(made_up_total[5m])) / up") == {"made_up_total", "up"}
    assert "made_up_total" not in known_names()


def test_recorded_series_are_named_as_they_are_made() -> None:
    for one in rules.recorded():
        assert RECORDED_NAME.fullmatch(one.name), one.name
        window = re.search(r":(?:\w*?)(\d+[mhd])$", one.name)
        if window:
            assert re.search(rf"(\[|rate|_){window[1]}\b", one.expr), f"{one.name} does not look at {window[1]}"


def test_each_series_and_each_alert_is_there_once() -> None:
    names = [one.name for one in everything()]
    assert sorted(set(names)) == sorted(names)


def test_what_a_rule_builds_on_is_recorded_before_it() -> None:
    """Groups are computed in parallel; within one the order counts."""
    for subject in rules.SUBJECTS:
        own = [one.name for one in subject.recorded]
        for index, one in enumerate(subject.recorded):
            assert asked(filled(one.expr, one.limits)) & set(own[index:]) == set(), one.name


def test_each_alert_carries_what_its_reader_needs() -> None:
    for alert in rules.alerts():
        rule: Any = alert.rule()
        assert re.fullmatch(r"Freehold[A-Z][A-Za-z]+", alert.name)
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{alert.name}.md"
        assert SHORTEST < len(rule["annotations"]["summary"]) < LONGEST * 2
        assert "Found: " in rule["annotations"]["description"], alert.name
        assert "Expected: " in rule["annotations"]["description"], alert.name
        assert not PLACE.search(str(rule)), alert.name


def test_alerts_of_nodes_keep_the_label_that_maintenance_goes_by() -> None:
    for alert in rules.alerts():
        grouped = re.findall(r"\bby \(([^)]*)\)", alert.expr)
        if alert.per_node and grouped:
            assert any("node" in labels.split(", ") for labels in grouped), alert.name


def thresholds() -> dict[str, Threshold]:
    return {name: value for name, value in vars(config).items() if isinstance(value, Threshold)}


@pytest.mark.parametrize("name", sorted(thresholds()))
def test_each_figure_says_why_where_from_and_since_when(name: str) -> None:
    one = thresholds()[name]
    assert one.why
    assert one.source
    assert re.fullmatch(r"20\d\d-\d\d", one.date)
    assert {field.name for field in fields(one)} == {"value", "unit", "why", "source", "date"}


def test_each_figure_is_used() -> None:
    used = [one.hold for one in rules.alerts()]
    for rule in everything():
        used += rule.limits.values()
    assert [name for name, value in thresholds().items() if not any(value is one for one in used)] == []


def test_each_figure_of_a_rule_has_its_place() -> None:
    """A threshold that a text does not name would be changed without effect."""
    for rule in everything():
        texts = rule.expr + getattr(rule, "description", "")
        assert set(rule.limits) <= set(PLACE.findall(texts)), rule.name


def test_alerts_that_keep_others_quiet_exist() -> None:
    names = {one.name for one in rules.alerts()}
    for one in config.INHIBITIONS:
        assert {one.source, *one.targets} <= names
        assert one.source not in one.targets


def test_what_is_rendered_is_what_is_committed() -> None:
    assert render.stale(render.files()) == []


def test_a_stale_file_is_found(tmp_path: Path) -> None:
    """The positive control: other content, a missing file."""
    path, text = next(iter(render.files().items()))
    assert render.stale({path: text + "# by hand\n"})[-1:] != []
    assert str(path.relative_to(PROJECT)) in render.stale({path: text + "# by hand\n"})
    del tmp_path


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    names = {one.name for one in rules.alerts()}
    assert {path.stem for path in RUNBOOKS.glob("Freehold*.md")} == names


def test_a_figure_is_put_into_its_place() -> None:
    limit = Threshold(0.5, "of it", "a test", "here", "2026-11")
    recording = Recording("freehold:x", (), "", "up > [[limit]]", {"limit": limit})
    assert recording.rule()["expr"] == "up > 0.5"
    with pytest.raises(KeyError):
        Recording("freehold:x", (), "", "up > [[other]]", {"limit": limit}).rule()


def test_large_figures_lose_no_digit() -> None:
    assert Threshold(14 * 86400, "s", "", "", "").text == "1209600"


def test_nodes_in_maintenance_are_left_out() -> None:
    alert = Alert("FreeholdX", "info", config.AT_ONCE, "up == 0", "s", "d")
    assert alert.whole_expr == "(\n  up == 0\n)\nunless on (node) (freehold:maintenance == 1)"
