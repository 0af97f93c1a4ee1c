"""The switch's own metrics."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.dead_mans_switch.watch import Heard
from freehold.exporter.exposition import family, labels

PREFIX = "freehold_dead_mans_switch"


def page(heard: Mapping[str, Heard], notifications: Mapping[tuple[str, str], int], waiting: Mapping[str, int]) -> bytes:
    """In Prometheus' text format. A monitor that was never heard has no time of a last beat."""
    by_name = {name: labels({"monitor": name}) for name in heard}
    families = (
        family(
            f"{PREFIX}_last_beat_timestamp_seconds",
            "gauge",
            "When the last beat of the monitor came, by the wall clock.",
            [(by_name[name], row.last_beat_unix) for name, row in heard.items()],
        ),
        family(
            f"{PREFIX}_silent",
            "gauge",
            "1 while the monitor is silent.",
            [(by_name[name], int(row.silent)) for name, row in heard.items()],
        ),
        family(
            f"{PREFIX}_notifications_total",
            "counter",
            "Messages by path and outcome (sent, failed); one that is tried again counts each time.",
            [(labels({"path": path, "outcome": outcome}), n) for (path, outcome), n in notifications.items()],
        ),
        family(
            f"{PREFIX}_notifications_waiting",
            "gauge",
            "Messages that the path has not taken yet.",
            [(labels({"path": path}), n) for path, n in waiting.items()],
        ),
    )
    return "".join(families).encode()
