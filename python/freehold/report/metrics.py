"""The service's own metrics."""

from __future__ import annotations

from freehold.exporter.described import Described
from freehold.exporter.exposition import family
from freehold.report.keeper import Tally

MADE = Described("freehold_report_pages_total", "counter", "", "Status pages made since the start.")
FAILURES = Described(
    "freehold_report_failures_total",
    "counter",
    "",
    "Status pages that were not made: an error, or nobody free to make them.",
    ("why",),
)
WITHOUT_DATA = Described(
    "freehold_report_pages_without_data_total", "counter", "", "Status pages that say that nothing is known."
)
RENDER = Described(
    "freehold_report_render_seconds", "gauge", "s", "How long the last status page took, with its questions."
)
AGE = Described("freehold_report_age_seconds", "gauge", "s", "Since the last status page was made.")


def described() -> tuple[Described, ...]:
    """Every metric of the page."""
    return (MADE, FAILURES, WITHOUT_DATA, RENDER, AGE)


def page(tally: Tally, now: float) -> bytes:
    """The page for Prometheus; ``now`` is of the same clock as the tally."""
    age = None if tally.last_at is None else now - tally.last_at
    families = (
        family(MADE, [("", tally.made)]),
        family(FAILURES, [('{why="error"}', tally.failed), ('{why="busy"}', tally.refused)]),
        family(WITHOUT_DATA, [("", tally.without_data)]),
        family(RENDER, [("", tally.seconds if tally.last_at is not None else None)]),
        family(AGE, [("", age)]),
    )
    return "".join(families).encode()
