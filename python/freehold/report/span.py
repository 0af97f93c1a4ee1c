"""The time that is looked at: one of five ranges, cut into as many moments as a chart can show."""

from __future__ import annotations

from dataclasses import dataclass

POINTS = 181
"""Moments of a chart: one for every two to three pixels of a panel on a wide screen, and whole seconds between them."""


@dataclass(frozen=True)
class Range:
    """``id`` is the name in the address and a PromQL duration; the others are words for people."""

    id: str
    seconds: int
    words: str
    short: str


RANGES = (
    Range("1h", 3600, "last hour", "1 h"),
    Range("6h", 6 * 3600, "last 6 hours", "6 h"),
    Range("24h", 24 * 3600, "last 24 hours", "24 h"),
    Range("7d", 7 * 86400, "last 7 days", "7 d"),
    Range("30d", 30 * 86400, "last 30 days", "30 d"),
)
BY_ID = {one.id: one for one in RANGES}
DEFAULT = "24h"


@dataclass(frozen=True)
class Span:
    """Moments ``start``, ``start + step``, ... ``end``; UNIX seconds."""

    start: float
    end: float
    points: int

    @classmethod
    def of(cls, length: Range, now: float, points: int = POINTS) -> Span:
        """The time up to ``now``."""
        return cls(now - length.seconds, now, points)

    @property
    def step(self) -> float:
        """Seconds between two moments."""
        return (self.end - self.start) / (self.points - 1)

    def index(self, at: float) -> int:
        """Which moment ``at`` is; outside of 0 to ``points`` - 1 it is none."""
        return round((at - self.start) / self.step)

    def moment(self, index: int) -> float:
        """The time of a moment, UNIX seconds."""
        return self.start + index * self.step
