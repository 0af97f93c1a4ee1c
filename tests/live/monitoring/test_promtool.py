"""Rules as Prometheus reads them: every one parses, and every alert is silent, then fires, as tests/rules says."""

from __future__ import annotations

from pathlib import Path

import pytest
from monitoring import rules
from tests.live.monitoring.promtool import RULES, TESTS, alert_tests, files, promtool


def test_prometheus_takes_all_rules() -> None:
    done = promtool("check", "rules", *sorted(RULES.glob("*.yml")))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_rules_do_what_their_tests_say(path: Path) -> None:
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_seen_silent_and_firing() -> None:
    asked = alert_tests(files())
    names = {alert.name for alert in rules.alerts()}
    assert {one["alertname"] for one in asked if not one["exp_alerts"]} == names
    assert {one["alertname"] for one in asked if one["exp_alerts"]} == names


def test_each_alert_of_a_node_is_seen_silent_in_maintenance() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in files())
    cases = text.split("  - name: ")
    kept_quiet = {
        alert.name for alert in rules.alerts() for case in cases if alert.name in case and "maintenance{" in case
    }
    assert {alert.name for alert in rules.alerts() if alert.per_node} <= kept_quiet


def test_a_wrong_expectation_is_found(tmp_path: Path) -> None:
    """The positive control: promtool, called as above, can say no."""
    wrong = tmp_path / "wrong.yml"
    text = (TESTS / "certificates.yml").read_text(encoding="utf-8").replace("../../monitoring", str(RULES.parents[1]))
    wrong.write_text(text.replace("severity: 'critical'", "severity: 'info'"), encoding="utf-8")
    assert promtool("test", "rules", wrong).returncode != 0
