"""The switch's own metrics."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.dead_mans_switch.watch import Heard
from freehold.exporter.described import Described
from freehold.exporter.exposition import encoded, family, labels

PREFIX = "freehold_dead_mans_switch"

LAST_BEAT = Described(
    f"{PREFIX}_last_beat_timestamp_seconds", "gauge", "s", "When a monitor was heard last (UNIX time).", ("monitor",)
)
SILENT = Described(f"{PREFIX}_silent", "gauge", "", "1 while the monitor is silent.", ("monitor",))
PATIENCE = Described(
    f"{PREFIX}_silence_seconds", "gauge", "s", "How long a monitor may be silent before the operator is told."
)
NOTIFICATIONS = Described(
    f"{PREFIX}_notifications_total",
    "counter",
    "",
    "Messages by path and outcome (sent, failed); one that is tried again counts each time.",
    ("path", "outcome"),
)
WAITING = Described(
    f"{PREFIX}_notifications_waiting", "gauge", "", "Messages that the path has not taken yet.", ("path",)
)


def described() -> tuple[Described, ...]:
    """Every metric of the page."""
    return (LAST_BEAT, SILENT, PATIENCE, NOTIFICATIONS, WAITING)


def page(
    heard: Mapping[str, Heard],
    notifications: Mapping[tuple[str, str], int],
    waiting: Mapping[str, int],
    patience: float,
) -> bytes:
    """In Prometheus' text format. A monitor that was never heard has no time of a last beat."""
    by_name = {name: labels({"monitor": name}) for name in heard}
    by_path = [(labels({"path": path, "outcome": outcome}), n) for (path, outcome), n in notifications.items()]
    families = (
        family(LAST_BEAT, [(by_name[name], row.last_beat_unix) for name, row in heard.items()]),
        family(SILENT, [(by_name[name], int(row.silent)) for name, row in heard.items()]),
        family(PATIENCE, [("", patience)]),
        family(NOTIFICATIONS, by_path),
        family(WAITING, [(labels({"path": path}), n) for path, n in waiting.items()]),
    )
    return encoded("".join(families))
