"""Tables: what a panel of kind ``table`` shows, and a chart's data for those who read rather than see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from freehold.report import number, words
from freehold.report.answers import Failure, Sample
from freehold.report.chart import Chosen, Line, rest_swatch, swatch
from freehold.report.gather import Shown
from freehold.report.html import Html, hidden, joined, tag
from freehold.report.model import Panel, Query, Word
from freehold.report.naming import in_order
from freehold.report.span import Span

MOST_ROWS = 40
MOST_REST = 64
MOMENTS = 13
"""Rows of a chart's data: its ends and eleven moments between them."""

Key = tuple[tuple[str, str], ...]
ORDER = ("severity", "alertname", "node", "owned", "check", "key", "model", "gpu")
"""Labels that stand first, as people look for them; the others follow by name."""

TITLES = {"gpu": "GPU", "alertname": "Alert", "exported_node": "Node"}


def scrolling(body: Html, label: str) -> Html:
    """What may be wider than a phone moves by itself, by keyboard too, and the page does not."""
    return tag("div", body, class_="scroll", role="group", aria_label=label, tabindex=0)


def grid(label: str, heads: Iterable[Html], rows: Iterable[Iterable[Html]], class_: str = "") -> Html:
    """A table with column heads that may be wide; the rows' cells are given whole."""
    return scrolling(plain(label, heads, rows, class_), label)


def plain(label: str, heads: Iterable[Html], rows: Iterable[Iterable[Html]], class_: str = "") -> Html:
    """A table that fits everywhere."""
    top = tag("tr", *heads)
    body = joined(tag("tr", *cells) for cells in rows)
    caption = tag("caption", label, class_="hear")
    return tag("table", caption, tag("thead", top), tag("tbody", body), class_=class_ or None)


@dataclass(frozen=True)
class Rows:
    """Answers put side by side: labels, then for each query its value, None where it has none."""

    labels: tuple[str, ...]
    rows: tuple[tuple[Key, tuple[float | None, ...]], ...]


def rows(shown: Shown) -> Rows:
    """Join the answers of a panel by their labels."""
    answered = [() if isinstance(answer, Failure) else answer for answer in shown.now]
    columns = [{_key(sample): sample.value for sample in answer} for answer in answered]
    keys = sorted({key for column in columns for key in column}, key=lambda key: [in_order(value) for _, value in key])
    labels = tuple(dict.fromkeys(name for key in keys for name, _ in key))
    return Rows(labels, tuple((key, tuple(column.get(key) for column in columns)) for key in keys))


def _key(sample: Sample) -> Key:
    found = ((name, value) for name, value in sample.labels.items() if name != "__name__")
    return tuple(sorted(found, key=lambda pair: (ORDER.index(pair[0]) if pair[0] in ORDER else len(ORDER), pair)))


def of_panel(shown: Shown) -> Html:
    """The table of a panel of kind ``table``."""
    found, panel = rows(shown), shown.panel
    heads = [tag("th", TITLES.get(name, name.replace("_", " ").capitalize()), scope="col") for name in found.labels]
    heads += [_head(panel, query) for query in panel.queries]
    kept = words.worst([_states(panel, values) for _, values in found.rows], MOST_ROWS)
    body = [_row(panel, found.labels, *found.rows[index]) for index in kept]
    left = len(found.rows) - MOST_ROWS
    more = tag("p", f"{left} more rows are left out.", class_="note") if left > 0 else None
    return joined((grid(panel.title, heads, body), more))


def _states(panel: Panel, values: Sequence[float | None]) -> Iterator[words.State]:
    """What the cells of a row say in words; a cell without a value says that it is not known."""
    for query, value in zip(panel.queries, values, strict=True):
        if meant := _words(panel, query):
            yield words.of_number(value, meant).state


def _head(panel: Panel, query: Query) -> Html:
    return tag("th", query.legend or "Value", scope="col", class_=None if _words(panel, query) else "num")


def _words(panel: Panel, query: Query) -> Sequence[Word]:
    return query.words or (panel.words if query.unit is None else ())


def _row(panel: Panel, labels: Sequence[str], key: Key, values: Sequence[float | None]) -> list[Html]:
    said = dict(key)
    # The first label names the row.
    cells = [
        tag("td" if index else "th", said.get(name, ""), scope=None if index else "row")
        for index, name in enumerate(labels)
    ]
    return cells + [_cell(panel, query, value, said) for query, value in zip(panel.queries, values, strict=True)]


def _cell(panel: Panel, query: Query, value: float | None, labels: Mapping[str, str]) -> Html:
    meant = _words(panel, query)
    if value is None:
        return tag(
            "td",
            tag("span", "\N{EN DASH}", aria_hidden="true"),
            hidden(number.NOT_KNOWN),
            class_=None if meant else "num",
        )
    if meant:
        word = words.of_number(value, meant)
        return tag("td", words.chip(word.state, word.text))
    shown = number.text(value, query.unit or panel.unit, decimals=panel.decimals, currency=labels.get("currency", ""))
    return tag("td", shown, class_="num")


def heads(*names: str) -> list[Html]:
    """Heads of columns."""
    return [tag("th", name, scope="col") for name in names]


def legend(panel: Panel, chosen: Chosen) -> Html:
    """Which line is which, with the least, the most and the last value of each."""
    drawn = [_legend_row(panel, swatch(index), line) for index, line in enumerate(chosen.lines)]
    if chosen.rest:
        drawn.append(_rest_row(panel, chosen.rest))
    return plain(f"{panel.title}: legend", heads("Series", "Min", "Max", "Last"), drawn, "figs legend")


def _legend_row(panel: Panel, sign: Html, line: Line) -> list[Html]:
    known = line.track.known
    figures = (min(known), max(known), line.track.last)
    return [tag("th", sign, line.name, scope="row"), *(_num(panel, value, line.currency) for value in figures)]


def _rest_row(panel: Panel, rest: Sequence[Line]) -> list[Html]:
    known = [value for line in rest for value in line.track.known]
    name = tag("th", rest_swatch(), f"{len(rest)} more, as one band", scope="row")
    currency = rest[0].currency
    return [name, _num(panel, min(known), currency), _num(panel, max(known), currency), tag("td")]


def _num(panel: Panel, value: float | None, currency: str) -> Html:
    shown = number.text(value, panel.unit, decimals=panel.decimals, currency=currency)
    return tag("td", shown)


def data(panel: Panel, chosen: Chosen, span: Span) -> Html:
    """A chart's data: moments down, series across; then those that were drawn as one band."""
    moments = [round(index * (span.points - 1) / (MOMENTS - 1)) for index in range(MOMENTS)]
    body = [
        [
            tag("th", clock(span.moment(at)), scope="row"),
            *(_num(panel, line.track.points[at], line.currency) for line in chosen.lines),
        ]
        for at in moments
    ]
    first = grid(f"{panel.title}: data", heads("UTC", *(line.name for line in chosen.lines)), body, "figs")
    if not chosen.rest:
        return first
    others = [_legend_row(panel, Html(), line) for line in chosen.rest[:MOST_REST]]
    left = len(chosen.rest) - MOST_REST
    more = tag("p", f"{left} more series are left out.", class_="note") if left > 0 else None
    return joined(
        (first, grid(f"{panel.title}: the others", heads("Series", "Min", "Max", "Last"), others, "figs legend"), more)
    )


def clock(at: float) -> str:
    """A moment for people, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%-d %b %H:%M")
