"""States over time: a band for each series; the worse a state, the taller and the darker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from freehold.report import scale
from freehold.report.answers import Track
from freehold.report.chart import WIDTH, Line
from freehold.report.html import Html, joined, tag
from freehold.report.model import Word
from freehold.report.span import Span
from freehold.report.words import State, chip, of_number, worst

TALL = 24
MOST_BANDS = 24
HEIGHTS = {"good": 10, "none": 4, "look": 17, "bad": 24}


@dataclass(frozen=True)
class Piece:
    """One state from moment ``first`` to ``last``, both included."""

    first: int
    last: int
    word: Word


def pieces(track: Track, words: Sequence[Word]) -> list[Piece]:
    """The states of a track, one after the other; a gap is no piece."""
    runs: list[tuple[int, int, float]] = []
    for index, value in enumerate(track.points):
        if value is None:
            continue
        if runs and runs[-1][1] == index - 1 and runs[-1][2] == value:
            runs[-1] = (runs[-1][0], index, value)
        else:
            runs.append((index, index, value))
    return [Piece(first, last, of_number(value, words)) for first, last, value in runs]


def draw(lines: Sequence[Line], span: Span, words: Sequence[Word]) -> Html:
    """Bands with their names, the state at the end in words, and the time below. Of many, those that were worst."""
    shown = [lines[index] for index in worst([_states(line, words) for line in lines], MOST_BANDS)]
    rows = joined(_row(line, span, words) for line in shown)
    labels = joined(tag("span", tick.label, style=f"left:{tick.at:.2%}") for tick in scale.moments(span))
    foot = tag("div", tag("span"), tag("div", labels, class_="foot"), class_="band axis", aria_hidden="true")
    left = len(lines) - MOST_BANDS
    more = tag("p", f"{left} more bands are left out: none of them was worse.", class_="note") if left > 0 else None
    return tag("div", rows, foot, more, class_="bands")


def _states(line: Line, words: Sequence[Word]) -> Iterable[State]:
    """All that it ever was, and what it is: one that ended is not known now."""
    return (of_number(value, words).state for value in {*line.track.known, line.track.last})


def _row(line: Line, span: Span, words: Sequence[Word]) -> Html:
    found = pieces(line.track, words)
    now = of_number(line.track.last, words)
    shapes = joined(_shape(piece, span.points) for piece in found)
    label = f"{line.name}: {_told(found)}"
    box = f"0 0 {WIDTH} {TALL}"
    base = tag("path", d=f"M0 {TALL // 2}h{WIDTH}", class_="gap")
    band = tag("svg", base, shapes, viewBox=box, preserveAspectRatio="none", role="img", aria_label=label)
    name = tag("span", line.name, class_="name")
    return tag("div", name, band, chip(now.state, now.text), class_="band")


def _shape(piece: Piece, points: int) -> Html:
    height = HEIGHTS[piece.word.state]
    cell = WIDTH / points
    left, right = round(piece.first * cell), round((piece.last + 1) * cell)
    shape = f"M{left} {(TALL - height) // 2}h{right - left}v{height}h{left - right}Z"
    return tag("path", tag("title", piece.word.text), d=shape, class_=f"state {piece.word.state}")


def _told(found: Iterable[Piece]) -> str:
    order = list(dict.fromkeys(piece.word.text for piece in found))
    return ", then ".join(order) if order else "nothing known"
