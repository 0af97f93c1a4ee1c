"""How units, states and words look in Grafana. Colours are names of its palette: each theme has a shade for them."""

from __future__ import annotations

from collections.abc import Iterable

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import (
    RangeMap,
    RegexMap,
    SpecialValueMap,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

from freehold.report.model import Step, Unit, Word

UNITS = {
    Unit.NUMBER: "locale",
    Unit.RATIO: "percentunit",
    Unit.SECONDS: "s",
    Unit.WATTS: "watt",
    Unit.JOULES: "joule",
    Unit.CELSIUS: "celsius",
    Unit.BYTES: "bytes",
    Unit.BYTES_PER_SECOND: "binBps",
    Unit.HERTZ: "hertz",
    Unit.PER_SECOND: "suffix:/s",
    Unit.TOKENS_PER_SECOND: "suffix:tokens/s",
    Unit.MONEY: "locale",
    Unit.TIME_AGO: "s",
    Unit.STATE: "none",
}
"""Grafana's id of each unit. Money is a plain number: its currency is in the legend or the title."""

COLOURS = {"good": "green", "look": "orange", "bad": "red", "none": "blue"}
PLAIN = "text"
"""Grafana's name for the colour of ordinary text in the theme that is on."""


Mappings = list[ValueMap | RangeMap | RegexMap | SpecialValueMap]


def mapping(words: Iterable[Word]) -> Mappings:
    """Numbers as words, each with the colour of its state."""
    results = {
        str(word.value): ValueMappingResult(text=word.text, color=COLOURS[word.state], index=index)
        for index, word in enumerate(words)
    }
    return [ValueMap(options=results)] if results else []


def thresholds(steps: tuple[Step, ...]) -> build.ThresholdsConfig:
    """Steps as absolute thresholds above a base that says nothing."""
    base = Threshold(value=None, color=PLAIN)
    above = (Threshold(value=step.value, color=COLOURS[step.state]) for step in steps)
    return build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([base, *above])
