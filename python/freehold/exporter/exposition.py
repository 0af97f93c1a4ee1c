"""Prometheus' text format, version 0.0.4: the one way in which every page of ours is written.

Written here and not by prometheus_client, which adds ``_total`` to every counter's name: DCGM's counters have none. The
tests read the result back with prometheus_client's parser.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from freehold.exporter.described import Described

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
EXACT_BELOW = 2.0**53
"""A whole number that is a float is written as one up to here; beyond, digits would say more than is known."""


def labels(pairs: Mapping[str, str]) -> str:
    """``{name="value",…}`` in the order given; values are escaped as the format wants."""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items()) + "}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def family(metric: Described, samples: Iterable[tuple[str, float | int | None]]) -> str:
    """One metric with its header, or nothing where no sample has a value; ``samples`` are (rendered labels, value)."""
    name = metric.name
    lines = [f"{name}{where} {number(value)}\n" for where, value in samples if value is not None]
    return f"{_header(metric)}{''.join(lines)}" if lines else ""


def encoded(text: str) -> bytes:
    """A page as it is sent. What is no character, as in a name that is no UTF-8, is no reason to send nothing."""
    return text.encode(errors="replace")


def _header(metric: Described) -> str:
    says = metric.help
    if "\\" in says or "\n" in says:
        says = says.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {metric.name} {says}\n# TYPE {metric.name} {metric.kind}\n"


def number(value: float) -> str:
    """The shortest text that reads back as the same number; true is 1. Infinities and "not a number" have names."""
    if isinstance(value, int):
        return str(int(value))
    if value.is_integer() and abs(value) < EXACT_BELOW:
        return str(int(value))
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
