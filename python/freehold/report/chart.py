"""Lines over time as inline SVG. The picture stretches with the page; its words are HTML, so that they do not.

A gap in the data is a gap in the line. The drawing is 1,000 units wide and 200 high, in whole units: half a pixel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from freehold.report import scale
from freehold.report.answers import Track
from freehold.report.html import Html, joined, tag
from freehold.report.model import Step, Unit
from freehold.report.scale import Scale, Tick
from freehold.report.span import Span

WIDTH, HEIGHT = 1000, 200
MOST_LINES = 8
FEW_LINES = 4
"""More lines than the first nobody can tell apart. Then a few with the highest peaks are drawn, the rest as a band."""


@dataclass(frozen=True)
class Line:
    """A named track."""

    name: str
    track: Track
    currency: str = ""
    group: int = 0
    """Which of the panel's questions it answers."""


@dataclass(frozen=True)
class Chosen:
    """What is drawn as lines, and what is left for the band."""

    lines: tuple[Line, ...]
    rest: tuple[Line, ...]


def choose(lines: Sequence[Line], most: int = MOST_LINES, few: int = FEW_LINES) -> Chosen:
    """All lines where they are few; else those with the highest peaks, from each question in turn."""
    if len(lines) <= most:
        return Chosen(tuple(lines), ())
    places = _places(lines, [max(line.track.known, default=-inf) for line in lines])
    drawn = set(sorted(range(len(lines)), key=lambda index: (places[index], lines[index].group))[:few])
    kept = tuple(line for index, line in enumerate(lines) if index in drawn)
    return Chosen(kept, tuple(line for index, line in enumerate(lines) if index not in drawn))


def _places(lines: Sequence[Line], peaks: Sequence[float]) -> list[int]:
    """How many lines of the same question come before each one."""
    places, counts = [0] * len(lines), Counter[int]()
    for index in sorted(range(len(lines)), key=lambda index: (-peaks[index], index)):
        places[index] = counts[lines[index].group]
        counts[lines[index].group] += 1
    return places


def draw(
    chosen: Chosen, span: Span, unit: Unit, *, label: str, steps: Sequence[Step] = (), whole: bool = False
) -> Html:
    """The chart with its axes. ``label`` says in words what is seen; ``whole`` values have whole ticks."""
    found = [value for line in (*chosen.lines, *chosen.rest) for value in line.track.known]
    currency = next((line.currency for line in chosen.lines), "")
    side, foot = scale.values(found, unit, currency, whole=whole), scale.moments(span)
    picture = svg(
        _grid(side, foot),
        _band(chosen.rest, side),
        *(_threshold(step, side) for step in steps),
        *(_line(index, line, side) for index, line in enumerate(chosen.lines)),
        label=label,
    )
    return framed(picture, _side(side), foot)


def svg(*children: Html | None, label: str, height: int = HEIGHT) -> Html:
    """A picture that takes the size that it is given."""
    box = f"0 0 {WIDTH} {height}"
    return tag("svg", *children, viewBox=box, preserveAspectRatio="none", role="img", aria_label=label)


def framed(picture: Html, side: Html, foot: Sequence[Tick]) -> Html:
    """The picture between its axes. Their labels are for the eye: the table beside it has the figures for the ear."""
    labels = joined(tag("span", tick.label, style=f"left:{tick.at:.2%}") for tick in foot)
    return tag("div", side, picture, tag("div", labels, class_="foot", aria_hidden="true"), class_="plot")


def _side(side: Scale) -> Html:
    labels = joined(tag("span", tick.label, style=f"top:{1 - tick.at:.2%}") for tick in side.ticks)
    return tag("div", labels, class_="side", aria_hidden="true")


def _grid(side: Scale, foot: Sequence[Tick]) -> Html:
    across = "".join(f"M0 {_down(tick.at)}h{WIDTH}" for tick in side.ticks)
    upright = "".join(f"M{round(tick.at * WIDTH)} 0v{HEIGHT}" for tick in foot)
    return tag("path", d=across + upright, class_="grid")


def _down(place: float) -> int:
    """SVG counts from the top."""
    return round((1 - place) * HEIGHT)


def _threshold(step: Step, side: Scale) -> Html | None:
    if step.state == "good" or not side.low < step.value <= side.high:
        return None
    return tag("path", d=f"M0 {_down(side.place(step.value))}h{WIDTH}", class_=f"limit {step.state}")


def _line(index: int, line: Line, side: Scale) -> Html:
    drawn = path(line.track.points, lambda value: _down(side.place(value)))
    return tag("path", tag("title", line.name), d=drawn, class_=f"line s{index}")


def path(points: Sequence[float | None], down: Callable[[float], int], width: int = WIDTH) -> str:
    """The ``d`` of a line. A point between two gaps is a line of no length, which round ends show as a dot."""
    written = []
    for run in _runs(points):
        places = [(round(index * width / (len(points) - 1)), down(value)) for index, value in run]
        moves = (_move(before, here) for before, here in pairwise(places))
        written.append(f"M{places[0][0]} {places[0][1]}" + ("".join(moves) or "h0"))
    return "".join(written)


def _move(before: tuple[int, int], here: tuple[int, int]) -> str:
    right, down = here[0] - before[0], here[1] - before[1]
    return f"h{right}" if down == 0 else f"l{right}{'' if down < 0 else ' '}{down}"


def _runs(points: Sequence[float | None]) -> Iterable[list[tuple[int, float]]]:
    """Neighbours without a gap between them."""
    run: list[tuple[int, float]] = []
    for index, value in enumerate(points):
        if value is not None:
            run.append((index, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _band(rest: Sequence[Line], side: Scale) -> Html | None:
    """All that is not drawn by itself, between its lowest and its highest value at each moment."""
    if not rest:
        return None
    columns = [
        [value for value in moment if value is not None]
        for moment in zip(*(line.track.points for line in rest), strict=True)
    ]
    lows: list[float | None] = [min(column) if column else None for column in columns]
    highs = [max(column, default=0.0) for column in columns]
    shapes = [_shape(run, highs, side, len(columns)) for run in _runs(lows)]
    return tag("path", tag("title", f"{len(rest)} more"), d="".join(shapes), class_="rest")


def _shape(run: Sequence[tuple[int, float]], highs: Sequence[float], side: Scale, points: int) -> str:
    across = [round(index * WIDTH / (points - 1)) for index, _ in run]
    there = [f"{x} {_down(side.place(highs[index]))}" for x, (index, _) in zip(across, run, strict=True)]
    back = [f"{x} {_down(side.place(low))}" for x, (_, low) in zip(across, run, strict=True)]
    return f"M{'L'.join(there + back[::-1])}Z"


def spark(points: Sequence[float | None]) -> Html | None:
    """A small line without axes, beside a figure that says its end; None where nothing changes."""
    found = [value for value in points if value is not None]
    low, high = min(found, default=0.0), max(found, default=0.0)
    if low == high:
        return None
    spread = high - low
    tall = 40

    def down(value: float) -> int:
        return round(tall - 3 - (value - low) / spread * (tall - 6))

    drawn = path(points, down, width=240)
    body = tag("path", d=drawn, class_="line s0")
    return tag("svg", body, viewBox=f"0 0 240 {tall}", preserveAspectRatio="none", class_="spark", aria_hidden="true")


def swatch(index: int) -> Html:
    """The piece of line that a legend shows."""
    return tag(
        "svg",
        tag("path", d="M0 5h28", class_=f"line s{index}"),
        viewBox="0 0 28 10",
        class_="swatch",
        aria_hidden="true",
    )


def rest_swatch() -> Html:
    """The same for the band of all others."""
    return tag(
        "svg", tag("path", d="M0 1h28v8h-28Z", class_="rest"), viewBox="0 0 28 10", class_="swatch", aria_hidden="true"
    )
