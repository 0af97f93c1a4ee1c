"""Grafana's JSON is fresh, is what Grafana 10.1 and later read, and holds every panel of its view once."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from grafana_foundation_sdk.models.dashboard import GridPos
from monitoring import render
from monitoring.dashboards import FOLDER, files
from monitoring.dashboards.looks import UNITS
from monitoring.dashboards.pictures import picture
from tests.unit.report.panels import promql

from freehold.report.model import Unit, View
from freehold.report.panels import VIEWS

CORE = {"row", "stat", "table", "text", "timeseries", "state-timeline"}
OLDEST_SCHEMA = 36  # what the builders for Grafana 10.1 write; Grafana brings older ones up to date by itself
COLUMNS = 24
GRAFANAS = {"__range", "datasource", "node", "model", "simulated", "mark"}

Document = dict[str, Any]
NAMES = [f"{view.id}.json" for view in VIEWS]


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    return {name: json.loads(text) for name, text in files.rendered().items()}


def overlaps(panels: list[Document]) -> Iterator[tuple[str, str]]:
    """Pairs of panels that cover the same square."""
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield taken[x, y], panel["title"]
                taken[x, y] = panel["title"]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def test_they_are_among_what_is_rendered() -> None:
    """Whether the committed ones are fresh is asked of all rendered files together."""
    assert {FOLDER / name for name in NAMES} <= set(render.files())


def test_a_dashboard_that_no_view_makes_is_left_over() -> None:
    files_of_rules = {path: text for path, text in render.files().items() if path.parent != FOLDER}
    assert {path.name for path in render.left_over(files_of_rules)} == set(NAMES)


def test_the_same_views_make_the_same_bytes() -> None:
    assert files.rendered() == files.rendered()


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_has_what_grafana_needs(documents: dict[str, Document], name: str) -> None:
    document = documents[name]
    assert document["uid"] == f"freehold-{name.removesuffix('.json')}"
    assert document["schemaVersion"] >= OLDEST_SCHEMA
    assert (document["refresh"], document["time"]["to"]) == ("30s", "now")
    assert "style" not in document, "light or dark is the reader's choice"
    assert [one["name"] for one in document["templating"]["list"]] == [
        "datasource",
        "node",
        "model",
        "simulated",
        "mark",
    ]
    assert [(link["type"], link["tags"]) for link in document["links"]] == [("dashboards", ["freehold"])]


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_ids_places_and_types_of_the_core(documents: dict[str, Document], name: str) -> None:
    panels = documents[name]["panels"]
    assert [one for one, count in Counter(panel["id"] for panel in panels).items() if count > 1] == []
    assert {panel["type"] for panel in panels} <= CORE
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= COLUMNS for panel in panels)
    assert list(overlaps(panels)) == []


def test_two_panels_in_one_place_are_found(documents: dict[str, Document]) -> None:
    panel = documents["cost.json"]["panels"][2]
    assert list(overlaps([panel, panel]))


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.id)
def test_every_panel_of_the_view_is_there_with_its_description_unit_and_source(
    documents: dict[str, Document], view: View
) -> None:
    made = [panel for panel in documents[f"{view.id}.json"]["panels"] if panel["type"] not in {"row", "text"}]
    assert [panel["title"].removesuffix(" $mark") for panel in made] == [panel.title for panel in view.panels]
    for panel, model in zip(made, view.panels, strict=True):
        assert panel["description"].startswith(model.about)
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["expr"] for target in panel["targets"]] == [query.expr for query in model.queries]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.id)
def test_panels_on_gpus_say_when_those_are_simulated(documents: dict[str, Document], view: View) -> None:
    marked = {panel["title"] for panel in documents[f"{view.id}.json"]["panels"] if panel["title"].endswith("$mark")}
    assert marked == {f"{panel.title} $mark" for panel in view.panels if panel.gpu}


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_in_a_text_is_one_that_the_dashboard_has(documents: dict[str, Document], name: str) -> None:
    found = {one for text in texts(documents[name]) for one in re.findall(r"\$\{?([a-z_]\w*)", text)}
    assert found - {"__all", "__value"} <= GRAFANAS


@pytest.mark.parametrize("name", NAMES)
def test_colours_are_names_of_grafanas_palette(documents: dict[str, Document], name: str) -> None:
    assert re.findall(r'"color": "(?!green|orange|red|blue|text)[^"]+"', files.rendered()[name]) == []
    assert "#" not in "".join(re.findall(r'"color": "[^"]*"', json.dumps(documents[name])))


@pytest.mark.parametrize("name", NAMES)
def test_the_variables_questions_parse(documents: dict[str, Document], name: str) -> None:
    for one in documents[name]["templating"]["list"]:
        if one["type"] == "query":
            inner = re.fullmatch(
                r"(?:label_values|query_result)\((.*?)(?:, (?:node|model|part))?\)", one["query"]["query"]
            )
            assert inner
            assert promql.parsed(inner[1])


def test_every_unit_has_grafanas_name() -> None:
    assert set(UNITS) == set(Unit)


def test_a_column_with_words_shows_them(documents: dict[str, Document]) -> None:
    fleet = next(panel for panel in documents["health.json"]["panels"] if panel["title"].startswith("Nodes"))
    column = next(one for one in fleet["fieldConfig"]["overrides"] if one["matcher"]["options"] == "State")
    words = column["properties"][0]["value"][0]["options"]
    assert {number: word["text"] for number, word in words.items()} == {"0": "in service", "1": "maintenance"}


def test_a_panel_leads_to_its_runbooks() -> None:
    panel = replace(VIEWS[1].panels[0], links=("gpu-lost",))
    made = picture(panel, GridPos(), 1, "https://runbooks.example.net/").build()
    assert made.links is not None
    assert [link.url for link in made.links] == ["https://runbooks.example.net/gpu-lost.md"]
