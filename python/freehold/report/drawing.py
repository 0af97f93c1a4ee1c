"""One panel as HTML: title, figure or chart, what it means, its data."""

from __future__ import annotations

from collections.abc import Sequence

from freehold.report import bands, chart, number, table, words
from freehold.report.answers import Failure, Sample
from freehold.report.chart import Line
from freehold.report.gather import Gathered, Shown
from freehold.report.html import Child, Html, hidden, joined, tag
from freehold.report.model import Panel, Query, Unit
from freehold.report.naming import RUNBOOKS, address, lines, named
from freehold.report.words import chip, of_steps

MOST_FIGURES = 12


def panel(shown: Shown, gathered: Gathered, runbooks: str = "") -> Html:
    """The whole panel. ``runbooks`` is the address of the runbooks' folder, empty where they have none."""
    asked = shown.panel
    head = tag("header", tag("h4", asked.title), _warnings(shown, gathered))
    small = "" if asked.kind != "value" else " small"
    body = _body(shown, gathered)
    foot = tag("footer", _about(shown, gathered, runbooks), *_data(shown, gathered))
    return tag("article", head, body, _missing(shown), foot, id=asked.id, class_=f"panel w{_width(asked.width)}{small}")


def _warnings(shown: Shown, gathered: Gathered) -> Html | None:
    """What must be known before the figure is believed."""
    old = bool(gathered.head.trouble) and not shown.failures
    simulated = shown.panel.gpu and "gpu" in gathered.head.simulated
    chips = [chip("bad", "not new")] if old else []
    chips += [chip("look", "simulated")] if simulated else []
    return tag("div", *chips, class_="warnings") if chips else None


def _width(columns: int) -> int:
    """The widths that the style sheet knows."""
    return next((width for width in (6, 8, 12) if columns <= width), 24)


def _body(shown: Shown, gathered: Gathered) -> Html:
    match shown.panel.kind:
        case "value":
            drawn = _figures(shown)
        case "series":
            drawn = _chart(shown, gathered)
        case "table":
            drawn = table.of_panel(shown) if table.rows(shown).rows else None
        case "states":
            found = lines(shown)
            drawn = bands.draw(found, gathered.span, shown.panel.words) if found else None
    return drawn or _nothing(shown)


def _nothing(shown: Shown) -> Html:
    """Why a panel is empty: no answer, or an answer without series; the reason that is no fault stands beside it."""
    if shown.failures:
        return tag("p", chip("none", "Not known"), f" {shown.failures[0].text}.", class_="empty")
    expected = shown.panel.may_be_empty
    said = f" {expected}" if expected else " Nothing answers to this question, though something should."
    return tag("p", chip("none", "Nothing") if expected else chip("look", "No data"), said, class_="empty")


def _missing(shown: Shown) -> Html | None:
    """What a panel lacks that shows something all the same."""
    failures = shown.failures
    answered = len(shown.now) + len(shown.over) - len(failures)
    if not failures or not answered:
        return None
    many = "A part" if len(failures) == 1 else f"{len(failures)} parts"
    return tag("p", chip("look", "incomplete"), f" {many} of this: {failures[0].text}.", class_="note")


def _figures(shown: Shown) -> Html | None:
    asked = shown.panel
    courses = lines(shown)
    pairs = [(query, sample) for query, sample in _samples(shown) if number.known(sample.value)]
    if not pairs:
        return None
    many = len(pairs) > 1
    figures = (_figure(asked, query, sample, courses, many=many) for query, sample in pairs[:MOST_FIGURES])
    left = len(pairs) - MOST_FIGURES
    more = tag("p", f"{left} more are left out.", class_="note") if left > 0 else None
    return tag("div", joined(figures), more, class_="figures")


def _samples(shown: Shown) -> list[tuple[Query, Sample]]:
    answered = zip(shown.panel.queries, shown.now, strict=False)
    return [(query, sample) for query, found in answered if not isinstance(found, Failure) for sample in found]


def _figure(asked: Panel, query: Query, sample: Sample, courses: Sequence[Line], *, many: bool) -> Html:
    currency = sample.labels.get("currency", "")
    said = number.text(sample.value, asked.unit, decimals=asked.decimals, currency=currency)
    state = of_steps(sample.value, asked.steps)
    name = named(query, sample.labels, asked.title)
    course = next((line.track for line in courses if line.track.labels == sample.labels), None)
    return tag(
        "div",
        tag("p", name, class_="name") if many else None,
        tag("p", big(said), chip(state, words.SAID[state]) if asked.steps else None, class_="value"),
        chart.spark(course.points) if course else None,
        class_="figure",
    )


def big(said: str) -> Html:
    """The number large, its unit small."""
    figure, space, unit = said.partition(number.NARROW)
    return tag("span", figure, tag("small", space + unit) if unit else None)


def _chart(shown: Shown, gathered: Gathered) -> Html | None:
    found, asked = lines(shown), shown.panel
    if not found:
        return None
    chosen = chart.choose(found)
    label = f"{asked.title}, {gathered.request.range.words}: {_told(asked, found)}"
    drawn = chart.draw(chosen, gathered.span, asked.unit, label=label, steps=asked.steps, whole=_whole(asked))
    return joined((drawn, table.legend(asked, chosen)))


def _whole(asked: Panel) -> bool:
    return asked.unit is Unit.NUMBER and asked.decimals == 0


def _told(asked: Panel, found: Sequence[Line]) -> str:
    """A chart in a sentence."""
    values = [value for line in found for value in line.track.known]
    low, high = (number.text(end, asked.unit, decimals=asked.decimals) for end in (min(values), max(values)))
    return f"{len(found)} series from {low} to {high}" if len(found) > 1 else f"from {low} to {high}"


def _about(shown: Shown, gathered: Gathered, runbooks: str) -> Html:
    asked = shown.panel
    queries = (tag("code", gathered.request.filled(query.expr)) for query in asked.queries)
    parts: list[Child] = [tag("p", asked.about)]
    if asked.may_be_zero:
        parts.append(tag("p", f"May be zero: {asked.may_be_zero}"))
    if asked.links:
        parts.append(tag("p", "Runbooks: ", joined((_runbook(name, runbooks) for name in asked.links), ", ")))
    parts.append(tag("p", "Asked of Prometheus:", class_="asked"))
    summary = tag("summary", "About", hidden(f": {asked.title}"))
    return tag("details", summary, *parts, *queries)


def _runbook(name: str, runbooks: str) -> Html:
    return linked(name, address(f"{RUNBOOKS}{name}.md", runbooks))


def linked(text: str, where: str) -> Html:
    """A link where there is an address, else the text."""
    return tag("a", text, href=where) if where else tag("span", text)


def _data(shown: Shown, gathered: Gathered) -> list[Html]:
    found, asked = lines(shown), shown.panel
    if asked.kind == "series" and found:
        body = table.data(asked, chart.choose(found), gathered.span)
    elif asked.kind == "states" and found:
        body = _changes(asked, found, gathered)
    else:
        return []
    return [tag("details", tag("summary", "Data", hidden(f": {asked.title}")), body)]


def _changes(asked: Panel, found: Sequence[Line], gathered: Gathered) -> Html:
    """States as a table: from when, until when, what."""
    changes = [(line.name, piece) for line in found for piece in bands.pieces(line.track, asked.words)]
    kept = [
        [tag("th", name, scope="row"), *(tag("td", said) for said in _piece(piece, gathered))]
        for name, piece in changes[: table.MOST_ROWS]
    ]
    left = len(changes) - len(kept)
    more = tag("p", f"{left} more changes are left out.", class_="note") if left > 0 else None
    return joined((table.grid(f"{asked.title}: data", table.heads("Series", "State", "From", "To"), kept), more))


def _piece(piece: bands.Piece, gathered: Gathered) -> tuple[str, str, str]:
    span = gathered.span
    return piece.word.text, table.clock(span.moment(piece.first)), table.clock(span.moment(piece.last))
