"""A lab that was just raised: every target answers, nothing fires, and what would reaches the operator by two ways."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.lab.monitor import ALERTMANAGER, PROMETHEUS, Monitor
from tests.lab.postbox import mails
from tests.lab.waiting import until
from tests.lab.world import Document

SCRAPED_SECONDS = 45  # two scrapes and an evaluation
MAIL_SECONDS = 120  # a critical alert waits 45 s for those that explain it


def test_every_target_is_up(monitor: Monitor, document: Document) -> None:
    def down() -> list[str]:
        (told,) = monitor.get(f"{PROMETHEUS}/api/v1/targets?state=active")
        found = told["data"]["activeTargets"]
        assert {one["labels"]["node"] for one in found} == {host["name"] for host in document["hosts"]}
        return [f"{one['labels']}: {one['lastError']}" for one in found if one["health"] != "up"]

    until(lambda: not down(), "every target up", SCRAPED_SECONDS)
    (pools,) = monitor.query("count by (job) (up == 1)")
    jobs = {one["metric"]["job"] for one in pools}
    assert jobs >= {"node", "gpu", "gateway", "runtime", "blackbox", "prometheus", "alertmanager", "report"}
    assert "dead_mans_switch" in jobs


def test_no_rule_fails_and_nothing_fires_but_the_proof_of_life(monitor: Monitor) -> None:
    until(lambda: "FreeholdDeadMansSwitch" in monitor.firing(), "the proof of life", SCRAPED_SECONDS)
    assert sorted(monitor.firing()) == ["FreeholdDeadMansSwitch"]
    (told,) = monitor.get(f"{PROMETHEUS}/api/v1/rules")
    rules = [rule for group in told["data"]["groups"] for rule in group["rules"]]
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    assert len(rules) > 50


def test_an_alert_reaches_the_operator_by_mail_and_by_web_hook(monitor: Monitor, box: Path) -> None:
    """Through the real Alertmanager, the real mail server and the real web hook of the lab."""
    name = f"FreeholdTrial{time.time_ns()}"
    labels = {"alertname": name, "severity": "critical", "node": "nobody"}
    notes = {"summary": "a trial", "description": "found this, expected that", "runbook_url": "docs/runbooks/x.md"}
    monitor.post(f"{ALERTMANAGER}/api/v2/alerts", [{"labels": labels, "annotations": notes}])
    (mail,) = until(lambda: [one for one in mails(box) if name in str(one)], "the mail", MAIL_SECONDS)
    assert mail["to"] == "operator@lab.internal"
    text = "".join(part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart())
    assert "found this, expected that" in text
    assert "docs/runbooks/x.md" in text

    def hooked() -> list[dict[str, str]]:
        told = [json.loads(path.read_text()) for path in sorted((box / "hooks").glob("*.json"))]
        return [one["labels"] for body in told for one in body.get("alerts", ()) if one["labels"]["alertname"] == name]

    assert until(hooked, "the web hook", MAIL_SECONDS)[0]["severity"] == "critical"


def test_the_dead_mans_switch_hears_the_monitor(monitor: Monitor) -> None:
    age = "time() - max by (monitor) (freehold_dead_mans_switch_last_beat_timestamp_seconds > 0)"
    until(lambda: any(float(one["value"][1]) < 180 for one in monitor.query(age)[0]), "a beat", 150)
