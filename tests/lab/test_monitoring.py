"""The monitor watches every node, tells the operator by two ways, lies about nothing, and serving needs none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from testinfra.host import Host
from tests.lab.monitor import PROMETHEUS, Monitor
from tests.lab.postbox import mails
from tests.lab.waiting import until
from tests.lab.world import Document, NodeOf

from freehold.status.gather import Access
from freehold.status.probe import probe

SCRAPED_SECONDS = 45  # two scrapes and an evaluation


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


@contextmanager
def stopped(node: Host, *units: str) -> Iterator[None]:
    """Units that are dead while the body runs; killed, as an accident would."""
    node.check_output(f"systemctl kill --signal=KILL {' '.join(units)}; systemctl stop {' '.join(units)}")
    try:
        yield
    finally:
        node.check_output(f"systemctl reset-failed {' '.join(units)}; systemctl start {' '.join(units)}")


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
    asked = f"{PROMETHEUS}/api/v1/query?query=count(up)"  # refused while it reads its log
    until(lambda: monitor.get(asked)[0].get("data", {}).get("result"), "it is back", SCRAPED_SECONDS)
