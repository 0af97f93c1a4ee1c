"""No panel asks for a metric that nobody described, a label that a series lacks, or a runbook of no alert."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from monitoring.metrics_page import known_names
from monitoring.rules import SUBJECTS
from tests.unit.report.panels import promql

from freehold.report.model import Panel, Query, Unit
from freehold.report.panels import VIEWS

PANELS = [panel for view in VIEWS for panel in view.panels]
RECORDED = {one.name: frozenset(one.labels) for subject in SUBJECTS for one in subject.recorded}
ALERTS = {alert.name for subject in SUBJECTS for alert in subject.alerts}


@pytest.fixture(scope="module")
def known() -> frozenset[str]:
    return known_names()


def unknown(panel: Panel, known: frozenset[str]) -> list[str]:
    """Metrics that nobody has described."""
    return sorted({name for one in panel.queries for name in promql.metrics(promql.parsed(one.expr))} - known)


def nameless(panel: Panel) -> Iterator[str]:
    """Labels that a legend names and the series lacks, by what the rules record."""
    for query in panel.queries:
        labels = promql.kept(promql.parsed(query.expr), RECORDED)
        yield from () if labels & promql.ANY else sorted(promql.wanted(query) - labels)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
def test_a_panel_asks_for_known_metrics_and_labels(panel: Panel, known: frozenset[str]) -> None:
    assert unknown(panel, known) == []
    assert list(nameless(panel)) == []


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
def test_a_panel_leads_to_runbooks_of_alerts(panel: Panel) -> None:
    assert set(panel.links) <= ALERTS


def test_an_unknown_metric_and_a_label_that_is_not_recorded_are_found(known: frozenset[str]) -> None:
    bad = Panel("x", "x", "x.", "series", Unit.WATTS, (Query("freehold:gpu_power_watts + no_such", "{{gpu}}"),))
    assert (unknown(bad, known), list(nameless(bad))) == (["no_such"], ["gpu"])
