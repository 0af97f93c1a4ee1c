"""What Prometheus said, typed: samples, tracks (values over time), alerts, or why there is no answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from freehold.report.span import Span

LONGEST_TEXT = 300
UNPROCESSABLE = 422
BUSY = 503
LARGEST = 1e300
"""Of what is drawn: a chart needs room to reckon. NaN and infinity are no better."""

Kind = Literal["unreachable", "slow", "refused", "garbage", "too_big"]


@dataclass(frozen=True)
class Failure:
    """Why a question has no answer, in words for the page."""

    kind: Kind
    text: str


SLOW = Failure("slow", "Prometheus did not answer in time")


@dataclass(frozen=True)
class Sample:
    """One series now; ``value`` may be NaN or infinite, as Prometheus has them."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Track:
    """One series over a span: a value for each moment, None where there is none."""

    labels: Mapping[str, str]
    points: tuple[float | None, ...]

    @property
    def last(self) -> float | None:
        """The value at the end of the span; None where the series ended before."""
        return self.points[-1] if self.points else None

    @cached_property
    def known(self) -> tuple[float, ...]:
        """The values that there are."""
        return tuple(point for point in self.points if point is not None)


@dataclass(frozen=True)
class Alert:
    """One alert as its rule has it; ``since`` is RFC 3339."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    since: str

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.labels.get("alertname", "")

    @property
    def severity(self) -> str:
        """critical, warning, info, none."""
        return self.labels.get("severity", "")


def samples(data: Any) -> tuple[Sample, ...]:
    """Of an instant vector or a scalar. Raises the usual errors of a wrong shape."""
    if data["resultType"] == "scalar":
        return (Sample({}, float(data["result"][1])),)
    if data["resultType"] != "vector":
        raise ValueError(data["resultType"])
    return tuple(Sample(_texts(row["metric"]), float(row["value"][1])) for row in data["result"])


def tracks(data: Any, span: Span) -> tuple[Track, ...]:
    """Of a matrix; what is no number is a gap."""
    if data["resultType"] != "matrix":
        raise ValueError(data["resultType"])
    return tuple(Track(_texts(row["metric"]), _points(row["values"], span)) for row in data["result"])


def _points(values: Any, span: Span) -> tuple[float | None, ...]:
    points: list[float | None] = [None] * span.points
    for at, said in values:
        index, value = span.index(float(at)), float(said)
        if 0 <= index < span.points and abs(value) <= LARGEST:
            points[index] = value
    return tuple(points)


def alerts(data: Any) -> tuple[Alert, ...]:
    """Of the list of alerts."""
    return tuple(
        Alert(_texts(row["labels"]), _texts(row["annotations"]), str(row["state"]), str(row["activeAt"]))
        for row in data["alerts"]
    )


def _texts(pairs: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in pairs.items()}


def refusal(status: int, content: bytes) -> Failure:
    """An answer that is no success: Prometheus' own words where it has some."""
    try:
        said = str(json.loads(content)["error"])
    except (ValueError, TypeError, KeyError, RecursionError):
        said = ""
    if status == BUSY or "timed out" in said:
        return SLOW
    return Failure("refused", f"Prometheus refused the question ({said[:LONGEST_TEXT] or f'status {status}'})")
