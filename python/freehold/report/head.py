"""What the head of the page says: is it sovereign, is it well, what does a token cost, and may this be believed.

Facts are the answers to :data:`QUESTIONS` and the list of alerts; :mod:`freehold.report.verdict` judges them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from freehold.report.answers import Alert, Failure, Sample

NEWEST = "max(timestamp(up))"
"""When anything was scraped last, UNIX seconds. Prometheus forgets it after five minutes."""

OLD_SECONDS = 60.0
"""Four scrapes of 15 s. Older than that, Prometheus answers but takes nothing in: its disk is full, or it hangs."""

AHEAD_SECONDS = 5.0
"""A sample from the future: this machine's clock was set back."""

QUESTIONS: Mapping[str, str] = {
    "failed": "sum(freehold:sovereignty_failed:count)",
    "unknown": "sum(freehold:sovereignty_unknown:count)",
    "outcomes": "count by (node) (freehold:sovereignty_outcome == 1)",
    "checked": "max by (node) (freehold_sovereignty_checked_timestamp_seconds)",
    "declared": "max by (node) (freehold:declared_node)",
    "maintenance": "max by (node) (freehold:maintenance)",
    "up": 'max by (node) (up{job="node"})',
    "simulated": "max by (part) (freehold_simulated or freehold:simulated) == 1",
    "cost_day": "freehold:cost_per_million_tokens:1d",
    "cost_hour": "freehold:cost_per_million_tokens:1h",
    "per_hour": "freehold:cost_per_hour",
}
SWITCH = "FreeholdDeadMansSwitch"
SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Head:
    """``trouble`` is why no figure here may be believed, empty where they may. Times are UNIX seconds."""

    trouble: str
    newest: float | None = None
    facts: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    alerts: tuple[Alert, ...] | None = None
    failures: tuple[Failure, ...] = ()

    @classmethod
    def without(cls, failure: Failure) -> Head:
        """Of a Prometheus that did not answer."""
        return cls(trouble=failure.text, failures=(failure,))

    @classmethod
    def of(
        cls,
        newest: tuple[Sample, ...],
        facts: Mapping[str, tuple[Sample, ...] | Failure],
        alerts: tuple[Alert, ...] | Failure,
        at: float,
    ) -> Head:
        """Of what was answered."""
        last = newest[0].value if newest and math.isfinite(newest[0].value) else None
        said = {name: answer for name, answer in facts.items() if not isinstance(answer, Failure)}
        failures = [answer for answer in (*facts.values(), alerts) if isinstance(answer, Failure)]
        listed = None if isinstance(alerts, Failure) else alerts
        return cls(_trouble(last, at), last, said, listed, tuple(failures))

    def value(self, name: str) -> float | None:
        """The one value of a fact; None where it is not known."""
        answer = self.facts.get(name, ())
        return answer[0].value if answer and not math.isnan(answer[0].value) else None

    def nodes(self, name: str) -> dict[str, float]:
        """A fact by node."""
        return {sample.labels.get("node", ""): sample.value for sample in self.facts.get(name, ())}

    @property
    def simulated(self) -> tuple[str, ...]:
        """The parts that are not real."""
        return tuple(sorted({sample.labels.get("part", "") for sample in self.facts.get("simulated", ())} - {""}))

    @property
    def names(self) -> tuple[str, ...]:
        """All nodes, in maintenance or not; those that are scraped where none are declared."""
        declared = self.nodes("declared") | self.nodes("maintenance")
        return tuple(sorted((declared or self.nodes("up")).keys() - {""}))

    @property
    def firing(self) -> tuple[Alert, ...]:
        """Alerts that fire, the worst first; without the dead man's switch, which always does."""
        found = [alert for alert in self.alerts or () if alert.state == "firing" and alert.name != SWITCH]
        return tuple(sorted(found, key=lambda alert: (_rank(alert), alert.name, sorted(alert.labels.items()))))

    @property
    def is_watched(self) -> bool:
        """Whether the rules are evaluated at all: then the dead man's switch fires."""
        return any(alert.name == SWITCH and alert.state == "firing" for alert in self.alerts or ())


def _rank(alert: Alert) -> int:
    return SEVERITIES.index(alert.severity) if alert.severity in SEVERITIES else len(SEVERITIES)


def _trouble(newest: float | None, at: float) -> str:
    if newest is None:
        return "Prometheus answers, but has taken in nothing for five minutes or more"
    age = at - newest
    if age > OLD_SECONDS:
        return f"Prometheus answers, but its newest figure is {age:.0f} seconds old"
    if age < -AHEAD_SECONDS:
        return f"the newest figure is {-age:.0f} seconds in the future: a clock was set"
    return ""
