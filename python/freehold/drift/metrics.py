"""Drift as metrics, in a file that the node exporter's textfile collector reads (Prometheus text format)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from freehold.drift import DAMAGED, KINDS
from freehold.exporter.described import Described
from freehold.exporter.exposition import family, labels

ITEMS = Described(
    "freehold_drift_items", "gauge", "", "Things that differ from the last converge, by kind.", labels=("kind",)
)
GENERATION = Described(
    "freehold_drift_generation", "gauge", "", "Generation of the last converge; a node's first has 0."
)
BASELINE = Described("freehold_drift_baseline", "gauge", "", "1 while what the last converge left can be read.")
UNFINISHED = Described("freehold_drift_unfinished", "gauge", "", "A converge is under way or was cut off.")
CHECKED = Described("freehold_drift_checked_timestamp_seconds", "gauge", "s", "When the node compared itself.")


def described() -> tuple[Described, ...]:
    """Every metric of the page."""
    return (ITEMS, GENERATION, BASELINE, UNFINISHED, CHECKED)


def render(answer: Mapping[str, Any], at: float) -> str:
    """The page of one probe's answer; ``at`` in UNIX seconds. Every kind is there, so that an alert can clear."""
    counts = Counter(item["kind"] for item in answer["items"])
    families = (
        family(ITEMS, [(labels({"kind": kind}), counts[kind]) for kind in KINDS]),
        family(GENERATION, [("", answer["kept"])]),
        family(BASELINE, [("", _readable(answer))]),
        family(UNFINISHED, [("", bool(answer["unfinished"]))]),
        family(CHECKED, [("", round(at))]),
    )
    return "".join(families)


def _readable(answer: Mapping[str, Any]) -> bool:
    return bool(answer["baseline"]) and DAMAGED not in answer["items"]
