"""What a panel is, apart from who draws it: ``monitoring/dashboards`` makes Grafana's JSON of it, ``report`` a page.

A query is PromQL with placeholders that each renderer fills in: ``$node`` and ``$model`` are regular expressions (as in
``node=~"$node"``), ``$__range`` is the length of time that is looked at, as a PromQL duration.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Unit(StrEnum):
    """Base units, by the names that Grafana has for them; money carries no currency here: its panel's title says it."""

    NUMBER = "short"
    RATIO = "percentunit"
    SECONDS = "s"
    WATTS = "watt"
    JOULES = "joule"
    CELSIUS = "celsius"
    BYTES = "bytes"
    BYTES_PER_SECOND = "Bps"
    HERTZ = "hertz"
    PER_SECOND = "ops"
    TOKENS_PER_SECOND = "tokens/s"
    MONEY = "money"
    TIME_AGO = "ago"
    """Seconds that passed since."""
    STATE = "state"


Kind = Literal["value", "series", "table", "states"]
"""One figure; lines over time; rows of labels with their latest value; a coloured band over time for each state."""


@dataclass(frozen=True)
class Step:
    """From ``value`` on (a panel's base unit) the figure is good, worth a look, or bad. Never told by colour alone."""

    value: float
    state: Literal["good", "look", "bad"]


@dataclass(frozen=True)
class Word:
    """What a number stands for in a panel of states, or in a column of a table: ``1`` is ``ok``."""

    value: int
    text: str
    state: Literal["good", "look", "bad", "none"]


@dataclass(frozen=True)
class Query:
    """One question. ``legend`` names each answer by its labels: ``{{node}} {{gpu}}``; empty where there is one.

    In a table each query is one column, headed by its ``legend``; the labels that the answers carry are the columns
    before, and answers with the same labels share a row. A column has a ``unit`` and ``words`` of its own where it
    differs from its panel.
    """

    expr: str
    legend: str = ""
    unit: Unit | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One picture. ``about`` says in a sentence or two what is seen, where it comes from and what it leaves out.

    ``may_be_zero`` and ``may_be_empty`` are the reason why a healthy fleet under load shows nothing but zeros, or no
    series at all; without a reason that is a defect, and a test in the lab fails. ``gpu`` panels rest on the GPUs'
    figures and say so where those are simulated. ``links`` are names of runbooks (files of ``docs/runbooks``).
    """

    id: str
    title: str
    about: str
    kind: Kind
    unit: Unit
    queries: tuple[Query, ...]
    steps: tuple[Step, ...] = ()
    words: tuple[Word, ...] = ()
    width: int = 12
    """Of 24 columns."""
    decimals: int | None = None
    gpu: bool = False
    may_be_zero: str = ""
    may_be_empty: str = ""
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class View:
    """One dashboard, one part of the page. ``id`` is its address; ``about`` says what question it answers."""

    id: Literal["cost", "health", "sovereignty"]
    title: str
    about: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels in the order of the page."""
        return tuple(panel for row in self.rows for panel in row.panels)
