"""What a rule, an alert and a threshold are, apart from how they are written down for Prometheus.

A text of a rule names its thresholds in double square brackets, as in ``DCGM_FI_DEV_GPU_TEMP > [[celsius]]``: neither
PromQL nor the templates of annotations know such brackets, and a test can put another figure in a threshold's place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Literal

PLACE = re.compile(r"\[\[(\w+)\]\]")

Severity = Literal["critical", "warning", "info", "none"]
"""``critical``: somebody gets up; ``warning``: in working hours; ``info``: to know; ``none``: not for people."""


@dataclass(frozen=True)
class Threshold:
    """A figure that somebody chose. ``source`` says where it is from, ``date`` when it was looked up (year-month)."""

    value: float | str
    unit: str
    why: str
    source: str
    date: str

    @property
    def text(self) -> str:
        """The figure as PromQL and people read it."""
        return self.value if isinstance(self.value, str) else f"{self.value:.12g}"


Limits = Mapping[str, Threshold]


def filled(text: str, limits: Limits) -> str:
    """``text`` with its thresholds in their places. Raises :class:`KeyError` for a place that has none."""
    return PLACE.sub(lambda place: limits[place[1]].text, dedent(text).strip())


@dataclass(frozen=True)
class Recording:
    """A series that Prometheus computes. ``labels`` are all that it has; ``about`` is for docs/metrics.md."""

    name: str
    labels: tuple[str, ...]
    about: str
    expr: str
    limits: Limits = field(default_factory=dict)

    def rule(self) -> dict[str, object]:
        """As Prometheus reads it."""
        return {"record": self.name, "expr": filled(self.expr, self.limits)}


@dataclass(frozen=True)
class Alert:
    """``hold`` is how long ``expr`` must hold; ``per_node``: its series have a ``node``."""

    name: str
    severity: Severity
    hold: Threshold
    expr: str
    summary: str
    description: str
    limits: Limits = field(default_factory=dict)
    per_node: bool = True

    @property
    def whole_expr(self) -> str:
        """``expr`` with its figures; for nodes, those in maintenance left out: nobody waits for them."""
        expr = filled(self.expr, {**self.limits, "hold": self.hold})
        if not self.per_node:
            return expr
        inner = expr.replace("\n", "\n  ")
        return f"(\n  {inner}\n)\nunless on (node) (freehold:maintenance == 1)"

    def rule(self) -> dict[str, object]:
        """As Prometheus reads it."""
        known = {**self.limits, "hold": self.hold}
        notes = {
            "summary": filled(self.summary, known),
            "description": " ".join(filled(self.description, known).split()),
            "runbook_url": f"docs/runbooks/{self.name}.md",
        }
        return {
            "alert": self.name,
            "expr": self.whole_expr,
            "for": self.hold.text,
            "labels": {"severity": self.severity},
            "annotations": notes,
        }


@dataclass(frozen=True)
class Subject:
    """What one file of rules holds: ``recorded`` in the order in which they build on each other, then ``alerts``."""

    name: str
    about: str
    recorded: tuple[Recording, ...] = ()
    alerts: tuple[Alert, ...] = ()
