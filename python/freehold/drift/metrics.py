"""Drift as metrics, in a file that the node exporter's textfile collector reads (Prometheus text format)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from freehold.drift import DAMAGED, KINDS
from freehold.service.textfile import Samples, family


def render(answer: Mapping[str, Any], at: float) -> str:
    """The page of one probe's answer; ``at`` in UNIX seconds. Every kind is there, so that an alert can clear."""
    counts = Counter(item["kind"] for item in answer["items"])
    kinds = [({"kind": kind}, counts[kind]) for kind in KINDS]
    return (
        _gauge("items", "Things that differ from the last converge, by kind.", kinds)
        + _gauge("generation", "Generation of the last converge; a node's first has 0.", [({}, answer["kept"])])
        + _gauge("baseline", "1 while what the last converge left can be read.", [({}, int(_readable(answer)))])
        + _gauge("unfinished", "A converge is under way or was cut off.", [({}, int(answer["unfinished"]))])
        + _gauge("checked_timestamp_seconds", "When the node compared itself.", [({}, round(at))])
    )


def _readable(answer: Mapping[str, Any]) -> bool:
    return bool(answer["baseline"]) and DAMAGED not in answer["items"]


def _gauge(name: str, says: str, samples: Samples) -> str:
    return family(f"freehold_drift_{name}", "gauge", says, samples)
