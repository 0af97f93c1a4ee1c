"""The checks that a node makes of itself every few minutes, as a page for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from freehold.process import Runner
from freehold.service.unit_names import SERVICES
from freehold.sovereignty import firewall, page, phone_home
from freehold.sovereignty.judge import judge_light
from freehold.sovereignty.node_settings import NodeSettings
from freehold.sovereignty.owner import Owner
from freehold.sovereignty.result import CheckResult

UNITS = SERVICES
"""Patterns of the units that are looked at."""

Reading = Callable[[dict[str, Any]], Mapping[str, Any]]


def questions(settings: NodeSettings) -> dict[str, Any]:
    """For :func:`freehold.status.node_facts.read`; no weights and no metrics."""
    return {"models": {}, "probe_targets": list(settings.probe_targets), "metrics": {}, "units": list(UNITS)}


def results(settings: NodeSettings, owner: Owner, read: Reading, at: float) -> list[CheckResult]:
    """Look and judge; ``at`` in UNIX seconds."""
    said = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    return judge_light(settings.node, read(questions(settings)), owner, phone_home.switches(), said)


def rendered(found: list[CheckResult], runner: Runner, at: float) -> str:
    """The page."""
    times = dict.fromkeys((one.id for one in found), at)
    return page.of_results(found) + page.of_times(times) + page.of_counters(firewall.dropped(runner))
