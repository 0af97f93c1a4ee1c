"""Check results as metrics: each outcome is a series of 0 or 1: a dashboard sees a change, an alert can end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from freehold.service.textfile import family
from freehold.sovereignty.owned import OWNED
from freehold.sovereignty.result import CheckResult, Outcome

CHECK = "freehold_sovereignty_check"
CHECKED = "freehold_sovereignty_checked_timestamp_seconds"
DROPPED = "freehold_firewall_dropped_packets_total"


def of_results(results: Iterable[CheckResult]) -> str:
    """``freehold_sovereignty_check{check,subject,owned,outcome}``."""
    samples = [
        ({"check": one.id, "subject": one.subject, "owned": OWNED[one.id], "outcome": outcome}, one.outcome is outcome)
        for one in results
        for outcome in Outcome
    ]
    return family(CHECK, "gauge", "1 for the outcome of a sovereignty check of a subject, 0 for the others.", samples)


def of_times(checked: Mapping[str, float]) -> str:
    """When each check looked last, in UNIX seconds; one that never did is not there."""
    samples = [({"check": check}, round(at)) for check, at in checked.items()]
    return family(CHECKED, "gauge", "When a sovereignty check looked last; of several subjects the oldest.", samples)


def of_counters(dropped: Mapping[str, int]) -> str:
    """Packets that the node's own firewall dropped, by its counters; not there where it could not be asked."""
    samples = [({"counter": name}, packets) for name, packets in dropped.items()]
    return family(DROPPED, "counter", "Packets that the node's firewall dropped, by its named counters.", samples)
