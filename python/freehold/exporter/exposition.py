"""Prometheus' text format, version 0.0.4.

Written here and not by prometheus_client, which adds ``_total`` to every counter's name: DCGM's counters have none. The
tests read the result back with prometheus_client's parser.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from freehold.exporter.described import Described

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def labels(pairs: Mapping[str, str]) -> str:
    """``{name="value",…}`` in the order given; values are escaped as the format wants."""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items()) + "}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def family(metric: Described, samples: Iterable[tuple[str, float | int | None]]) -> str:
    """One metric with its header, or nothing where no sample has a value; ``samples`` are (rendered labels, value)."""
    name = metric.name
    lines = [f"{name}{where} {_number(value)}\n" for where, value in samples if value is not None]
    return f"# HELP {name} {metric.help}\n# TYPE {name} {metric.kind}\n{''.join(lines)}" if lines else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
