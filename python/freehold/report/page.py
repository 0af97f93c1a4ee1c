"""The whole page: head, tiles, what must be known before a figure is believed, and the views."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from freehold import __version__
from freehold.report import drawing, number, verdict
from freehold.report.answers import Alert
from freehold.report.gather import Gathered
from freehold.report.html import Html, joined, style, tag
from freehold.report.model import Row, View
from freehold.report.naming import address
from freehold.report.span import RANGES, Range
from freehold.report.verdict import Tile
from freehold.report.words import State, chip, mark

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = Path(__file__).with_name("style.css")
MOST_NODES = 16
MOST_ALERTS = 20
SEVERE: dict[str, State] = {"critical": "bad", "warning": "look", "info": "none", "none": "none"}


@dataclass(frozen=True)
class Look:
    """What is not data: the fleet's name, where runbooks are, and whether the page is a file, which leads nowhere."""

    fleet: str
    runbooks: str = ""
    is_file: bool = False


def page(gathered: Gathered, look: Look) -> str:
    """The page as HTML, with nothing outside of it."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{look.fleet}: Freehold status"),
        style(STYLE.read_text(encoding="utf-8")),
    )
    skip = tag("a", "Skip to the figures", href="#figures", class_="skip")
    body = tag("body", skip, _top(gathered, look), _main(gathered, look), _bottom(gathered))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _top(gathered: Gathered, look: Look) -> Html:
    brand = tag("p", "Freehold", tag("span", "status"), class_="brand")
    title = tag("div", brand, tag("h1", look.fleet), class_="title")
    return tag("header", tag("div", title, _when(gathered), class_="line"), _navigation(gathered, look), class_="top")


def _when(gathered: Gathered) -> Html:
    request, newest = gathered.request, gathered.head.newest
    at = newest if newest is not None else gathered.at
    shown = tag("time", moment(at), datetime=datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"))
    when = ("Data of ", shown) if newest is not None else ("No data. Asked ", shown)
    what = f"{request.range.words.capitalize()}, {f'node {request.node}' if request.node else 'all nodes'}"
    return tag("div", tag("p", *when), tag("p", what), class_="when")


def moment(at: float) -> str:
    """A moment to the second, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%-d %B %Y, %H:%M:%S UTC")


def _navigation(gathered: Gathered, look: Look) -> Html:
    parts = [_menu("Views", (_view_link(gathered, view) for view in gathered.request.views))]
    if not look.is_file:
        parts = [_menu("Views", _views(gathered))]
        parts.append(_menu("Time", (_range_link(gathered, length) for length in RANGES)))
        parts += [_menu("Node", _nodes(gathered))] if len(gathered.head.names) > 1 else []
    return tag("div", *parts, class_="menus")


def _menu(label: str, links: Iterable[Html]) -> Html:
    return tag("nav", tag("ul", *(tag("li", link) for link in links)), aria_label=label)


def _views(gathered: Gathered) -> Iterable[Html]:
    """Places on this page where all views are on it, else the other pages."""
    from freehold.report.panels import VIEWS  # noqa: PLC0415  a page of other panels is drawn without these

    if len(gathered.request.views) > 1:
        return [_view_link(gathered, view) for view in gathered.request.views]
    here = gathered.request.views[0].id
    others = [_link(view.title, _query(gathered, view=view.id), current=view.id == here) for view in VIEWS]
    return [_link("All", _query(gathered, view="")), *others]


def _view_link(_: Gathered, view: View) -> Html:
    return tag("a", view.title, href=f"#{view.id}")


def _range_link(gathered: Gathered, length: Range) -> Html:
    current = length is gathered.request.range
    return _link(length.short, _query(gathered, range=length.id), current=current)


def _nodes(gathered: Gathered) -> Iterable[Html]:
    names, here = gathered.head.names, gathered.request.node
    shown = [_link(name, _query(gathered, node=name), current=name == here) for name in names[:MOST_NODES]]
    more = [tag("span", f"{len(names) - MOST_NODES} more: node=NAME in the address")] if len(names) > MOST_NODES else []
    return [_link("All", _query(gathered, node=""), current=not here), *shown, *more]


def _link(text: str, query: str, *, current: bool = False) -> Html:
    return tag("a", text, href=query, aria_current="true" if current else None)


def _query(gathered: Gathered, **changed: str) -> str:
    request = gathered.request
    view = request.views[0].id if len(request.views) == 1 else ""
    said = {"range": request.range.id, "view": view, "node": request.node, **changed}
    return f"?{urlencode({name: value for name, value in said.items() if value})}"


def _main(gathered: Gathered, look: Look) -> Html:
    shown = {view.id for view in gathered.request.views}
    tiles = (_tile(tile, gathered, leads=tile.id in shown) for tile in verdict.tiles(gathered.head, gathered.at))
    overview = tag("section", *tiles, class_="tiles", aria_label="At a glance")
    views = (_view(view, gathered, look) for view in gathered.request.views)
    return tag("main", overview, _notices(gathered), _alerts(gathered, look), *views, id="figures", tabindex=-1)


def _tile(tile: Tile, gathered: Gathered, *, leads: bool) -> Html:
    simulated = chip("look", "simulated") if tile.id != "sovereignty" and "gpu" in gathered.head.simulated else None
    figure = tile.id == "cost" and tile.word != verdict.NOT_KNOWN
    word = tag("p", None if figure else mark(tile.state), drawing.big(tile.word), class_=f"word {tile.state}")
    title = tag("a", tile.title, href=f"#{tile.id}") if leads else tag("span", tile.title)
    return tag("div", tag("h2", title, simulated), word, tag("p", _sentence(tile.reason)), class_=f"tile {tile.state}")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _notices(gathered: Gathered) -> Html | None:
    head, found = gathered.head, list[Html]()
    if head.trouble:
        title = "Nothing is known." if head.newest is None else "These figures are not new."
        found.append(_notice("bad", title, f"{_sentence(head.trouble)} {_advice(gathered)}"))
    elif gathered.data == "partial":
        count = len(gathered.failed)
        found.append(
            _notice(
                "look",
                "This page is incomplete.",
                f"{count} of {len(gathered.shown)} figures miss an answer; each says why.",
            )
        )
    if head.simulated:
        parts = ", ".join(head.simulated)
        found.append(
            _notice(
                "look",
                f"Simulated: {parts}.",
                "What rests on a simulated part is a figure of the simulation, not of a machine.",
            )
        )
    if gathered.request.node and gathered.request.node not in head.names:
        found.append(_notice("look", "No such node.", f"Nothing is known of a node called {gathered.request.node}."))
    return tag("div", *found, class_="notices") if found else None


def _advice(gathered: Gathered) -> str:
    if gathered.head.newest is not None:
        return "Look at the disk of the monitor, and at journalctl -u prometheus there."
    return "Serving does not need Prometheus: look at systemctl status prometheus on the monitor."


def _notice(state: State, title: str, text: str) -> Html:
    return tag("div", mark(state), tag("p", tag("strong", title), f" {text}"), class_=f"notice {state}", role="note")


def _alerts(gathered: Gathered, look: Look) -> Html | None:
    firing = gathered.head.firing
    if not firing:
        return None
    rows = [_alert(alert, gathered, look) for alert in firing[:MOST_ALERTS]]
    left = len(firing) - MOST_ALERTS
    more = tag("p", f"{left} more are left out.", class_="note") if left > 0 else None
    return tag(
        "section", tag("h2", "Alerts", id="alerts"), tag("ul", *rows), more, class_="alerts", aria_labelledby="alerts"
    )


def _alert(alert: Alert, gathered: Gathered, look: Look) -> Html:
    name = drawing.linked(alert.name, "")
    runbook = alert.annotations.get("runbook_url", "")
    where = address(runbook, look.runbooks)
    book = tag("p", "Runbook: ", drawing.linked(runbook, where), class_="book") if runbook else None
    head = tag(
        "p",
        chip(SEVERE.get(alert.severity, "look"), alert.severity or "no severity"),
        tag("strong", name),
        _since(alert, gathered),
    )
    text = alert.annotations.get("summary", "")
    more = alert.annotations.get("description", "")
    return tag("li", head, tag("p", text) if text else None, tag("p", more, class_="more") if more else None, book)


def _since(alert: Alert, gathered: Gathered) -> Html | None:
    node = alert.labels.get("node", "")
    try:
        began = datetime.fromisoformat(alert.since).timestamp()
    except ValueError:
        return tag("span", node, class_="since")
    age = f"for {number.duration(round(max(0.0, gathered.at - began)))}"
    return tag("span", f"{node}, {age}" if node else age, class_="since")


def _view(view: View, gathered: Gathered, look: Look) -> Html:
    rows = (_row(row, gathered, look) for row in view.rows)
    title = tag("h2", view.title, id=f"{view.id}-title")
    head = tag("header", title, tag("p", view.about))
    return tag("section", head, *rows, id=view.id, class_="view", aria_labelledby=f"{view.id}-title")


def _row(row: Row, gathered: Gathered, look: Look) -> Html:
    panels = joined(drawing.panel(gathered.shown[panel.id], gathered, look.runbooks) for panel in row.panels)
    return tag("section", tag("h3", row.title), tag("div", panels, class_="panels"), class_="row")


def _bottom(gathered: Gathered) -> Html:
    took = number.duration(gathered.took)
    made = f"Made by Freehold {__version__} on {moment(gathered.at)}, from Prometheus, in {took}."
    lines = (
        "A line shows the value at each of 181 moments; what is shorter falls between them. A gap is time without data."
    )
    return tag(
        "footer",
        tag("p", made),
        tag("p", lines),
        tag("p", "All times are UTC. This page has no script and asks nobody."),
        class_="bottom",
    )
