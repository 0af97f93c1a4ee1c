"""Check results as metrics: each outcome is a series of 0 or 1: a dashboard sees a change, an alert can end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from freehold.exporter.described import Described
from freehold.exporter.exposition import family, labels
from freehold.sovereignty.owned import OWNED
from freehold.sovereignty.result import CheckResult, Outcome

CHECK = Described(
    "freehold_sovereignty_check",
    "gauge",
    "",
    "1 for the outcome of a sovereignty check of a subject, 0 for the others.",
    ("check", "subject", "owned", "outcome"),
)
CHECKED = Described(
    "freehold_sovereignty_checked_timestamp_seconds",
    "gauge",
    "s",
    "When a sovereignty check looked last; of several subjects the oldest.",
    ("check",),
)
DROPPED = Described(
    "freehold_firewall_dropped_packets_total",
    "counter",
    "packets",
    "Packets that the node's firewall dropped, by its named counters.",
    ("counter",),
)


def described() -> tuple[Described, ...]:
    """Every metric of the two pages: the checks', and the digests'."""
    return (CHECK, CHECKED, DROPPED)


def of_results(results: Iterable[CheckResult]) -> str:
    """``freehold_sovereignty_check{check,subject,owned,outcome}``."""
    samples = [(_where(one, outcome), one.outcome is outcome) for one in results for outcome in Outcome]
    return family(CHECK, samples)


def _where(one: CheckResult, outcome: Outcome) -> str:
    return labels({"check": one.id, "subject": one.subject, "owned": OWNED[one.id], "outcome": outcome})


def of_times(checked: Mapping[str, float]) -> str:
    """When each check looked last, in UNIX seconds; one that never did is not there."""
    return family(CHECKED, [(labels({"check": check}), round(at)) for check, at in checked.items()])


def of_counters(dropped: Mapping[str, int]) -> str:
    """Packets that the node's own firewall dropped, by its counters; not there where it could not be asked."""
    return family(DROPPED, [(labels({"counter": name}), packets) for name, packets in dropped.items()])
