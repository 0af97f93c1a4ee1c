"""The page: whole, harmless whatever a label says, and silent about nothing that it leaves out."""

from __future__ import annotations

import itertools
import json
import re
import socket
from html.parser import HTMLParser

import pytest
from tests.unit.report.conftest import (
    NOW,
    Pretender,
    http,
    matrix,
    plain,
    series,
    states,
    success,
    table,
    value,
    vector,
    view,
)
from tests.unit.report.test_report_html import HOSTILE

from freehold.report import naming, twin
from freehold.report.gather import Gathered, Request, gather
from freehold.report.model import Panel, Query, Unit, Word
from freehold.report.page import Look, page
from freehold.report.prometheus import Place, Prometheus
from freehold.report.span import BY_ID
from freehold.report.table import MOST_ROWS

LOOK = Look("lab")


def gathered(pretender: Pretender, *panels: Panel, node: str = "") -> Gathered:
    request = Request(BY_ID["24h"], (view(*panels),), node)
    return gather(Prometheus(Place.parse(pretender.url)), request, NOW)


class Reader(HTMLParser):
    """All tags with their attributes; fails where tags do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.words = list[tuple[str, dict[str, str | None]]](), list[str](), list[str]()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def hostile(connection: socket.socket, path: str, form: dict[str, str]) -> None:
    """Every label's value is an attack."""
    rows = [
        ({"node": text, text.replace('"', ""): text, "currency": text}, 3.0 + index)
        for index, text in enumerate(HOSTILE)
    ]
    if path.endswith("alerts"):
        bad = HOSTILE[0]
        alert = {"labels": {"alertname": bad, "node": bad, "severity": bad}, "state": "firing", "activeAt": bad}
        words = {"summary": bad, "description": HOSTILE[1], "runbook_url": "javascript:alert(1)"}
        connection.sendall(success({"alerts": [{**alert, "annotations": words}]}))
    elif path.endswith("query_range"):
        connection.sendall(success(matrix(form, *((labels, lambda _, at=at: at) for labels, at in rows))))
    elif form["query"].startswith("max(timestamp"):
        plain(connection, path, form)
    else:
        connection.sendall(success(vector(*rows)))


def test_labels_that_attack_stay_text(pretender: Pretender) -> None:
    pretender.script = hostile
    money = value(unit=Unit.MONEY, queries=(Query("m", "{{node}}"),), id="money")
    found = Reader(page(gathered(pretender, money, series(), states(), table()), Look(HOSTILE[0], HOSTILE[6])))
    assert {tag for tag, _ in found.tags}.isdisjoint({"script", "img", "iframe", "object", "base", "form", "link"})
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    assert not [
        href
        for _, attributes in found.tags
        if (href := attributes.get("href") or "") and not href.startswith(("#", "?"))
    ]
    assert HOSTILE[0] in found.text  # it is shown, as what it is


def test_the_page_is_whole_and_asks_nobody(pretender: Pretender) -> None:
    text = page(gathered(pretender), LOOK)
    found = Reader(text)
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text)
    assert "<script" not in text
    policy = next(attributes["content"] for tag, attributes in found.tags if attributes.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    here = [href[1:] for _, attributes in found.tags if (href := attributes.get("href") or "").startswith("#")]
    assert here
    assert set(here) <= set(ids)


def test_headings_go_down_one_step_at_a_time(pretender: Pretender) -> None:
    levels = [int(tag[1]) for tag, _ in Reader(page(gathered(pretender), LOOK)).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_a_dead_prometheus_leaves_no_figure_on_the_page(pretender: Pretender) -> None:
    pretender.script = lambda connection, _path, _form: connection.sendall(http(b"", "500 Internal Server Error"))
    text = Reader(page(gathered(pretender), LOOK)).text
    assert "Nothing is known." in text
    assert "Serving does not need Prometheus" in text
    assert text.count("Not known") >= 3 + 4  # the tiles, and each panel
    assert "Sovereign " not in text.replace("Sovereignty", "")


def test_a_prometheus_that_takes_nothing_in_says_so_above_its_old_figures(pretender: Pretender) -> None:
    def script(connection: socket.socket, path: str, form: dict[str, str]) -> None:
        if form.get("query", "").startswith("max(timestamp"):
            connection.sendall(success(vector(({}, NOW - 240))))
        else:
            plain(connection, path, form)

    pretender.script = script
    text = Reader(page(gathered(pretender), LOOK)).text
    assert "These figures are not new. Prometheus answers, but its newest figure is 240 seconds old." in text
    assert text.count("not new") == 1 + 4  # at each panel, too
    assert "Look at the disk of the monitor" in text


def test_a_panel_without_series_says_whether_that_is_a_fault(pretender: Pretender) -> None:
    def script(connection: socket.socket, path: str, form: dict[str, str]) -> None:
        if "gone" in form.get("query", ""):
            connection.sendall(success({"resultType": "matrix" if path.endswith("range") else "vector", "result": []}))
        else:
            plain(connection, path, form)

    pretender.script = script
    fault, fine = (
        value(queries=(Query("gone"),)),
        series(queries=(Query("gone"),), may_be_empty="No frontier is named."),
    )
    text = Reader(page(gathered(pretender, fault, fine), LOOK)).text
    assert "No data Nothing answers to this question, though something should." in text
    assert "Nothing No frontier is named." in text


def test_a_panel_that_misses_one_answer_of_two_says_so(pretender: Pretender) -> None:
    def script(connection: socket.socket, path: str, form: dict[str, str]) -> None:
        if form.get("query") == "second":
            connection.sendall(http(b'{"error":"too many samples"}', "422 Unprocessable Entity"))
        else:
            plain(connection, path, form)

    pretender.script = script
    found = gathered(pretender, series(queries=(Query("first"), Query("second"))))
    text = Reader(page(found, LOOK)).text
    assert "incomplete A part of this: Prometheus refused the question (too many samples)." in text
    assert "This page is incomplete. 1 of 1 figures miss an answer" in text


def test_nan_and_infinity_are_said_in_words(pretender: Pretender) -> None:
    def script(connection: socket.socket, path: str, form: dict[str, str]) -> None:
        if form.get("query") == "odd" and not path.endswith("range"):
            connection.sendall(success(vector(({"node": "a"}, "NaN"), ({"node": "b"}, "+Inf"))))
        else:
            plain(connection, path, form)

    pretender.script = script
    found = gathered(pretender, value(queries=(Query("odd", "{{node}}"),)), table(queries=(Query("odd", "Odd"),)))
    text = Reader(page(found, LOOK)).text
    assert "infinite" in text
    assert "not known" in text
    assert "nan" not in text.lower().split()
    assert json.loads(json.dumps(twin.document(found, LOOK), allow_nan=False))


def test_a_table_joins_answers_by_their_labels_and_says_what_it_leaves_out(pretender: Pretender) -> None:
    def script(connection: socket.socket, path: str, form: dict[str, str]) -> None:
        rows = [({"node": f"gpu{index}"}, index) for index in range(MOST_ROWS + 5)]
        if form.get("query") == "a":
            connection.sendall(success(vector(*rows)))
        elif form.get("query") == "b":
            connection.sendall(success(vector(({"node": "gpu2"}, 5.0))))
        else:
            plain(connection, path, form)

    pretender.script = script
    asked = table(queries=(Query("a", "Here"), Query("b", "Heat", unit=Unit.CELSIUS)))
    text = Reader(page(gathered(pretender, asked), LOOK)).text
    assert "gpu1 1 \N{EN DASH} not known gpu2 2 5 °C gpu3" in text  # gpu10 comes after gpu9
    assert "5 more rows are left out." in text


def test_a_table_that_is_cut_keeps_the_rows_that_say_something_is_wrong(pretender: Pretender) -> None:
    def script(connection: socket.socket, path: str, form: dict[str, str]) -> None:
        rows = [({"node": f"gpu{index}"}, float(index == 99)) for index in range(100)]
        if form.get("query") == "a":
            connection.sendall(success(vector(*rows)))
        else:
            plain(connection, path, form)

    pretender.script = script
    asked = table(queries=(Query("a", "Here", words=(Word(0, "up", "good"), Word(1, "gone", "bad"))),))
    text = Reader(page(gathered(pretender, asked), LOOK)).text
    assert "gpu99 gone" in text
    assert "60 more rows are left out." in text


def test_a_file_has_no_links_to_pages_that_are_not_there(pretender: Pretender) -> None:
    found = gathered(pretender)
    served, kept = page(found, LOOK), page(found, Look("lab", is_file=True))
    assert 'href="?range=7d&amp;view=cost"' in served
    assert 'href="?' not in kept


def test_runbooks_are_links_only_where_they_have_an_address(pretender: Pretender) -> None:
    found = gathered(pretender, value(links=("FreeholdGpuLost",)))
    assert 'href="https://docs.example/runbooks/FreeholdGpuLost.md"' in page(
        found, Look("lab", "https://docs.example/runbooks/")
    )
    assert ">FreeholdGpuLost</span>" in page(found, LOOK)
    assert naming.address("javascript:alert(1)", "") == ""
    assert naming.address("docs/runbooks/A.md", "ftp://x/") == ""


def test_a_node_that_nobody_knows_is_said_to_be_unknown(pretender: Pretender) -> None:
    assert "Nothing is known of a node called gpu9." in page(gathered(pretender, node="gpu9"), LOOK)
    assert "No such node." not in page(gathered(pretender, node="gpu1"), LOOK)


def test_the_twin_has_everything_that_the_page_has(pretender: Pretender) -> None:
    found = gathered(pretender)
    document = json.loads(json.dumps(twin.document(found, LOOK), allow_nan=False))
    panels = {panel["id"]: panel for view in document["views"] for row in view["rows"] for panel in row["panels"]}
    assert set(panels) == set(found.shown)
    assert panels["figure"]["queries"][0]["now"] == [{"labels": {"node": "gpu1"}, "value": 7.0}]
    assert len(panels["course"]["queries"][0]["over"]["series"][0]["points"]) == 181
    assert (document["data"], document["range"], document["fleet"]) == ("ok", "24h", "lab")
    assert set(document["verdict"]) == {"sovereignty", "health", "cost"}


@pytest.mark.parametrize("text", ["", "{{", "{{node}} {{missing}}", "{{ node }}", "a {{node"])
def test_legends_of_any_shape_name_a_series(text: str) -> None:
    assert naming.named(Query("x", text), {"node": "gpu1"}, "Title")
