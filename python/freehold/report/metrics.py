"""The service's own metrics."""

from __future__ import annotations

from freehold.exporter.exposition import family
from freehold.report.keeper import Tally


def page(tally: Tally, now: float) -> bytes:
    """The page for Prometheus; ``now`` is of the same clock as the tally."""
    age = None if tally.last_at is None else now - tally.last_at
    families = (
        family("freehold_report_pages_total", "counter", "Status pages made since the start.", [("", tally.made)]),
        family(
            "freehold_report_failures_total",
            "counter",
            "Status pages that were not made: an error, or nobody free to make them.",
            [('{why="error"}', tally.failed), ('{why="busy"}', tally.refused)],
        ),
        family(
            "freehold_report_pages_without_data_total",
            "counter",
            "Status pages that say that nothing is known.",
            [("", tally.without_data)],
        ),
        family(
            "freehold_report_render_seconds",
            "gauge",
            "How long the last status page took, with its questions to Prometheus.",
            [("", tally.seconds if tally.last_at is not None else None)],
        ),
        family("freehold_report_age_seconds", "gauge", "Since the last status page was made.", [("", age)]),
    )
    return "".join(families).encode()
