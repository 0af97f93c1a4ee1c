"""Who keeps others quiet is there before they are told: else one cause wakes somebody twice."""

from __future__ import annotations

import re

import pytest
import yaml
from monitoring import config, rules
from monitoring.inhibitions import Inhibition
from tests.unit.roles.role import Role

SECONDS = {"s": 1, "m": 60, "h": 3600}
ALERTS = {one.name: one for one in rules.alerts()}


def seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)([smh])", text)
    assert found, text
    return int(found[1]) * SECONDS[found[2]]


def waits() -> dict[str, int]:
    """How long Alertmanager waits before it tells of the first of a group, by severity."""
    route = yaml.safe_load(Role("alertmanager").render("alertmanager.yml.j2"))["route"]
    own = {one["receiver"]: seconds(one.get("group_wait", route["group_wait"])) for one in route["routes"]}
    return {**own, "none": own["dead_mans_switch"]}


def apart() -> int:
    """The most by which two rules learn of one cause apart: a scrape, its timeout, an evaluation."""
    role = Role("prometheus")
    names = ("scrape_interval", "scrape_timeout", "evaluation_interval")
    return sum(seconds(str(role.evaluate(f"{{{{ prometheus_{name} }}}}"))) for name in names)


@pytest.mark.parametrize("one", config.INHIBITIONS, ids=lambda one: one.source)
def test_what_keeps_others_quiet_fires_before_they_are_told(one: Inhibition) -> None:
    first = seconds(ALERTS[one.source].hold.text) + apart()
    told = waits()
    late = [name for name in one.targets if seconds(ALERTS[name].hold.text) + told[ALERTS[name].severity] < first]
    assert late == []


def test_one_that_comes_too_late_is_found() -> None:
    """The positive control: a drift that lasts a quarter of an hour keeps no lost GPU quiet."""
    assert seconds(ALERTS["FreeholdDrift"].hold.text) + apart() > waits()["critical"]
