"""The monitor watches every node, tells the operator by two ways, lies about nothing, and serving needs none of it."""

from __future__ import annotations

import email
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path

import pytest
from testinfra.host import Host
from tests.lab.monitor import ALERTMANAGER, PROMETHEUS, Monitor
from tests.lab.waiting import until
from tests.lab.world import Document, NodeOf

from freehold.lab import postbox
from freehold.paths import lab_paths
from freehold.status.gather import Access
from freehold.status.probe import probe

SCRAPED_SECONDS = 45  # two scrapes and an evaluation
MAIL_SECONDS = 60


@pytest.fixture(scope="module")
def box() -> Path:
    return postbox.folder(lab_paths())


@pytest.fixture(scope="module")
def other(document: Document) -> str:
    """A node that is no monitor."""
    return str(next(host["name"] for host in document["hosts"] if host["name"] not in document["monitor"]))


@pytest.fixture
def answers(document: Document, access: Access) -> Callable[[], bool]:
    """Whether every node answers a question."""
    chat = next(model["name"] for model in document["models"] if model["kind"] == "chat")

    def ask() -> bool:
        port = document["gateway"]["port"]
        return all(probe(one["serve_address"], port, access.client_key, chat).answered for one in document["hosts"])

    return ask


def mails(box: Path) -> list[Message]:
    return [email.message_from_bytes(path.read_bytes()) for path in sorted((box / "mail").glob("*.eml"))]


@contextmanager
def stopped(node: Host, *units: str) -> Iterator[None]:
    """Units that are dead while the body runs; killed, as an accident would."""
    node.check_output(f"systemctl kill --signal=KILL {' '.join(units)}; systemctl stop {' '.join(units)}")
    try:
        yield
    finally:
        node.check_output(f"systemctl reset-failed {' '.join(units)}; systemctl start {' '.join(units)}")


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


def test_a_dead_exporter_is_told_and_old_values_are_not(monitor: Monitor, other: str, node_of: NodeOf) -> None:
    with stopped(node_of(other), "freehold-gpu-exporter.service"):
        gone = [f'up{{job="gpu",node="{other}"}} == 0', f'DCGM_FI_DEV_GPU_TEMP{{node="{other}"}}']
        until(lambda: [len(one) for one in monitor.query(*gone)] == [1, 0], "down, and no values", SCRAPED_SECONDS)
        pending = f'ALERTS{{node="{other}"}}'
        until(lambda: monitor.query(pending)[0], "an alert that waits", SCRAPED_SECONDS)
    until(lambda: monitor.query(f'DCGM_FI_DEV_GPU_TEMP{{node="{other}"}}')[0], "values again", SCRAPED_SECONDS)


def test_garbage_is_down_and_no_value(monitor: Monitor, other: str, node_of: NodeOf) -> None:
    """Something else answers on the exporter's port."""
    node = node_of(other)
    program = (
        "import http.server as h\n"
        "class G(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers(); self.wfile.write(b'<html>node_load1 lots</html>')\n"
        "h.HTTPServer(('127.0.0.1', 9400), G).serve_forever()"
    )
    with stopped(node, "freehold-gpu-exporter.service"):
        node.check_output(f'systemd-run --quiet --collect --unit=trial-garbage python3 -c "{program}"')
        try:
            asked = f'scrape_samples_scraped{{job="gpu",node="{other}"}} == 0 and on (node, job) up == 0'
            until(lambda: monitor.query(asked)[0], "garbage counts as down", SCRAPED_SECONDS)
        finally:
            node.check_output("systemctl stop trial-garbage")


def test_without_the_monitor_serving_goes_on_and_the_operator_hears_of_it(
    monitor: Monitor, node: Host, box: Path, answers: Callable[[], bool]
) -> None:
    """Prometheus and Alertmanager killed: nobody is served worse, and the dead man's switch writes by its own way."""
    before = len(mails(box))
    patience = int(node_patience(monitor)) + 60
    with stopped(node, "prometheus.service", "prometheus-alertmanager.service"):
        assert answers()
        until(lambda: any("silent" in str(one["subject"]) for one in mails(box)[before:]), "its mail", patience)
        assert answers()
    until(lambda: monitor.query("up")[0], "Prometheus is back", SCRAPED_SECONDS)
    until(lambda: any("back" in str(one["subject"]) for one in mails(box)[before:]), "its second mail", 150)


def node_patience(monitor: Monitor) -> float:
    """Seconds of silence that the switch takes, as it says itself."""
    (found,) = monitor.query("max(freehold_dead_mans_switch_silence_seconds)")
    return float(found[0]["value"][1])


def test_a_full_disk_of_prometheus_is_its_own_trouble(
    node: Host, monitor: Monitor, answers: Callable[[], bool]
) -> None:
    """Its history on a file system of 128 KB: it cannot write, serving goes on, and with room again it comes back."""
    folder, unit = "/run/systemd/system/prometheus.service.d", "prometheus.service"
    state = str(node.check_output(f"systemctl show --property=StateDirectory --value {unit}"))
    # Without a state directory, which would be mounted over it.
    small = f"[Service]\\nStateDirectory=\\nTemporaryFileSystem=/var/lib/{state}:size=128K,mode=0777\\n"
    node.check_output(f"mkdir -p {folder} && printf '{small}' > {folder}/99-trial.conf && systemctl daemon-reload")
    try:
        node.run(f"systemctl restart {unit}")
        since = "journalctl --unit prometheus --since=-90s --output=cat"
        until(lambda: "no space left on device" in node.run(since).stdout.lower(), "its disk is full", 90)
        assert answers()
    finally:
        node.check_output(f"rm {folder}/99-trial.conf && systemctl daemon-reload && systemctl reset-failed {unit}")
        node.check_output(f"systemctl restart {unit}")
    until(lambda: monitor.query("count(up)")[0], "it is back", SCRAPED_SECONDS)
