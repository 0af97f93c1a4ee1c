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
from freehold.report.words import chip, of_number

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
    found: list[Piece] = []
    for index, value in enumerate(track.points):
        if value is None:
            continue
        word = of_number(value, words)
        if found and found[-1].last == index - 1 and found[-1].word == word:
            found[-1] = Piece(found[-1].first, index, word)
        else:
            found.append(Piece(index, index, word))
    return found


def draw(lines: Sequence[Line], span: Span, words: Sequence[Word]) -> Html:
    """Bands with their names, the state at the end in words, and the time below."""
    rows = joined(_row(line, span, words) for line in lines[:MOST_BANDS])
    labels = joined(tag("span", tick.label, style=f"left:{tick.at:.2%}") for tick in scale.moments(span))
    foot = tag("div", tag("span"), tag("div", labels, class_="foot"), class_="band axis", aria_hidden="true")
    left = len(lines) - MOST_BANDS
    more = tag("p", f"{left} more bands are left out.", class_="note") if left > 0 else None
    return tag("div", rows, foot, more, class_="bands")


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
