"""Axes: round values up the side, round moments along the foot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from freehold.report.model import Unit
from freehold.report.number import axis
from freehold.report.span import Span

MOST_STEPS = 4
DECIMAL = (1.0, 2.0, 2.5, 5.0, 10.0)
BINARY = tuple(float(2**power) for power in range(11))
CLOCK = (
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    14400.0,
    21600.0,
    43200.0,
)
DAY = 86400.0
MOMENTS = ((2 * 3600.0, 900.0), (8 * 3600.0, 5400.0), (2 * DAY, 6 * 3600.0), (10 * DAY, 2 * DAY), (60 * DAY, 7 * DAY))
"""Up to this length of time, a tick at each of these: four or five labels, which a phone has room for."""

TINY = 1e-300
"""Less is nothing: its parts cannot be told by a float any more."""

FLOATING = frozenset({Unit.CELSIUS})
"""Zero means nothing here, so the axis need not begin with it."""


@dataclass(frozen=True)
class Tick:
    """``at`` is the place along the axis, 0 to 1, from the bottom or from the left."""

    at: float
    label: str


@dataclass(frozen=True)
class Scale:
    """Values from ``low`` to ``high`` on an axis."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def place(self, value: float) -> float:
        """Where ``value`` is: 0 at the bottom, 1 at the top."""
        return (value - self.low) / (self.high - self.low)


def values(found: Sequence[float], unit: Unit, currency: str = "", *, whole: bool = False) -> Scale:
    """An axis that holds all of ``found`` (finite) and ends on round values: ``whole`` ones if need be."""
    low, high = _bounds(found, unit)
    step = _step(max((high - low) / MOST_STEPS, 1.0 if whole else 0.0), unit)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    marks = [index * step for index in range(first, max(last, first + 1) + 1)]
    labels = axis(marks, unit, currency)
    bottom, top = marks[0], marks[-1]
    ticks = tuple(Tick((mark - bottom) / (top - bottom), label) for mark, label in zip(marks, labels, strict=True))
    return Scale(bottom, top, ticks)


def _bounds(found: Sequence[float], unit: Unit) -> tuple[float, float]:
    low, high = min(found, default=0.0), max(found, default=0.0)
    if unit not in FLOATING:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= max(abs(high), abs(low)) * 1e-9 or high - low < TINY:
        spread = 1.0 if unit in FLOATING or high < TINY else abs(high)
        return (low - spread, high + spread) if unit in FLOATING else (low, high + spread)
    return low, high


def _step(least: float, unit: Unit) -> float:
    """The smallest round step that is no smaller than ``least``."""
    if unit in {Unit.SECONDS, Unit.TIME_AGO} and least > 1:
        return next((step for step in CLOCK if step >= least), DAY * _step(least / DAY, Unit.NUMBER))
    base = 1024.0 if unit in {Unit.BYTES, Unit.BYTES_PER_SECOND} and least >= 1 else 10.0
    power = base ** math.floor(math.log(least, base))
    steps = BINARY if base > 10 else DECIMAL  # noqa: PLR2004  ten fingers
    return next((step * power for step in steps if step * power >= least * (1 - 1e-9)), base * power)


def moments(span: Span) -> tuple[Tick, ...]:
    """Round moments in UTC: hours of the clock, then days of the calendar."""
    length = span.end - span.start
    step = next((step for longest, step in MOMENTS if length <= longest), length / MOST_STEPS)
    pattern = "%H:%M" if step < DAY else "%-d %b"
    first = math.ceil(span.start / step)
    ticks = [index * step for index in range(first, math.floor(span.end / step) + 1)]
    return tuple(Tick((at - span.start) / length, datetime.fromtimestamp(at, UTC).strftime(pattern)) for at in ticks)
