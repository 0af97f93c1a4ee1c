"""Every panel asks something that parses, says what it shows, and names its answers by labels that they have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.unit.report.panels import promql

from freehold.ledger.usage import FRONTIER
from freehold.report.model import Panel, Query, Row, Unit, View
from freehold.report.panels import VIEWS
from freehold.report.panels.health.gpu_faults import REASONS
from freehold.report.panels.sovereignty import OUTCOMES, OWNED

PANELS = [panel for view in VIEWS for panel in view.panels]
QUERIES = [pytest.param(panel, query, id=panel.id) for panel in PANELS for query in panel.queries]
ROWS = [pytest.param(row, id=f"{view.id}: {row.title}") for view in VIEWS for row in view.rows]
COLUMNS = 24


def by_id(name: str) -> Panel:
    return next(panel for panel in PANELS if panel.id == name)


def faults(panel: Panel) -> Iterator[str]:
    """What a panel lacks, in words."""
    yield from (f"{name} is empty" for name in ("title", "about", "unit", "queries") if not getattr(panel, name))
    if panel.about and not panel.about.endswith("."):
        yield "about is no sentence"
    if panel.kind == "states" and not panel.words:
        yield "states without words"
    if panel.kind == "table" and not all(query.legend for query in panel.queries):
        yield "a column without a head"
    if len({query.legend for query in panel.queries}) != len(panel.queries):
        yield "two queries of one legend"


def widths(row: Row) -> list[int]:
    """How wide the lines of ``row`` are."""
    found = [0]
    for panel in row.panels:
        if found[-1] + panel.width > COLUMNS:
            found.append(0)
        found[-1] += panel.width
    return found


def nameless(query: Query) -> set[str]:
    """Labels that the legend names and the answers lack."""
    labels = promql.kept(promql.parsed(query.expr), {})
    return set() if labels & promql.ANY else promql.wanted(query) - labels


def test_the_views_are_the_three_of_the_product() -> None:
    assert [view.id for view in VIEWS] == ["cost", "health", "sovereignty"]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.id)
def test_every_view_says_what_is_simulated(view: View) -> None:
    assert any("freehold_simulated" in query.expr for panel in view.panels for query in panel.queries)


def test_ids_are_unique_over_all_views() -> None:
    assert [name for name, count in Counter(panel.id for panel in PANELS).items() if count > 1] == []


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
def test_a_panel_says_what_it_shows(panel: Panel) -> None:
    assert list(faults(panel)) == []


def test_a_panel_that_says_nothing_is_found() -> None:
    dumb = Panel("x", "", "no sentence", "states", Unit.STATE, (Query("up"), Query("up")))
    assert list(faults(dumb)) == [
        "title is empty",
        "about is no sentence",
        "states without words",
        "two queries of one legend",
    ]


@pytest.mark.parametrize("row", ROWS)
def test_the_lines_of_a_row_are_full(row: Row) -> None:
    assert set(widths(row)) == {COLUMNS}


def test_a_line_with_a_hole_is_found() -> None:
    assert widths(Row("x", tuple(PANELS[:1]))) != [COLUMNS]


@pytest.mark.parametrize(("panel", "query"), QUERIES)
def test_a_query_parses_and_has_known_placeholders_only(panel: Panel, query: Query) -> None:
    assert promql.parsed(query.expr)
    assert promql.placeholders(query.expr) <= set(promql.PLACEHOLDERS)
    assert "$__range" not in query.legend, panel.id


def test_a_query_that_is_no_promql_or_has_an_unknown_placeholder_is_found() -> None:
    with pytest.raises(ValueError, match="parenthesis"):
        promql.parsed("sum by (node (up)")
    assert promql.placeholders('up{zone=~"$zone", node=~"$node"}') - set(promql.PLACEHOLDERS) == {"$zone"}


@pytest.mark.parametrize(("panel", "query"), QUERIES)
def test_a_legend_names_labels_that_the_answers_have(panel: Panel, query: Query) -> None:
    assert nameless(query) == set(), panel.id


@pytest.mark.parametrize(
    ("expr", "lost"),
    [
        ("sum(up)", {"node", "gpu"}),
        ("max by (node) (up)", {"gpu"}),
        ("time() - max by (node) (up)", {"gpu"}),
        ("max by (node) (up) or max by (gpu) (up)", set()),
        ("max by (node) (up) unless on (gpu) up", {"gpu"}),
        ('label_replace(sum(up), "gpu", "$1", "x", "")', {"node"}),
    ],
)
def test_a_label_that_a_query_drops_is_found(expr: str, lost: set[str]) -> None:
    assert nameless(Query(expr, "{{node}} {{gpu}}")) == lost


def test_figures_of_gpus_are_marked_as_such() -> None:
    unmarked = [
        panel.id
        for panel in PANELS
        if not panel.gpu and any("DCGM_FI" in query.expr or "freehold_gpu_" in query.expr for query in panel.queries)
    ]
    assert unmarked == []


def test_an_owned_thing_without_a_check_is_shown_as_such_and_not_as_good() -> None:
    words = {word.value: word for word in OUTCOMES}
    assert (words[0].text, words[0].state) == ("no check yet", "none")
    expr = by_id("sovereignty-owned-now").queries[0].expr
    assert all(f'label_replace(vector(0), "owned", "{owned}", "", "")' in expr for owned in OWNED)


def test_the_worst_outcome_has_the_highest_number() -> None:
    assert [word.text for word in sorted(OUTCOMES, key=lambda word: word.value)][-2:] == ["unknown", "failed"]


def test_each_throttle_reason_is_one_bit_with_a_word_of_its_own() -> None:
    assert all(bit.bit_count() == 1 for bit, _ in REASONS)
    assert len({word.value for _, word in REASONS}) == len({word.text for _, word in REASONS}) == len(REASONS)


def test_what_another_node_of_the_fleet_answered_counts_as_local() -> None:
    """A gateway calls a token ``peer`` where another node's engine made it: half of all tokens of two nodes."""
    assert re.findall(r'route(\W+)"(\w+)"', by_id("sovereignty-local-share").queries[0].expr) == [("!=", FRONTIER)]
