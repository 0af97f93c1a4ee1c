"""A real Prometheus on loopback with made-up data in it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.programs import program
from tests.unit.report.pretended import openmetrics

from freehold.report.answers import Failure
from freehold.report.prometheus import Place, Prometheus

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.05
HOUR = 3600.0

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s, external_labels: {{fleet: pretended}}}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: itself
    static_configs: [{{targets: ["127.0.0.1:{port}"], labels: {{node: gpu1}}}}]
    metric_relabel_configs: [{{source_labels: [__name__], regex: up, action: keep}}]
"""
RULES = """
groups:
  - name: pretended
    rules:
      - {alert: FreeholdDeadMansSwitch, expr: vector(1), labels: {severity: none}}
      - alert: FreeholdFirewallDrops
        expr: vector(1)
        labels: {severity: info, node: gpu2}
        annotations:
          summary: A steady trickle of packets is dropped on gpu2.
          description: "found 0.02 packets a second from outside the mesh, expected fewer than 0.01"
          runbook_url: docs/runbooks/FreeholdFirewallDrops.md
"""


@contextmanager
def prometheus(folder: Path, length: float = 25 * HOUR, step: float = 60.0, seconds_ago: float = 0.0) -> Iterator[str]:
    """Its address, once it answers with data. ``folder`` is new and its own."""
    port, now = free_port(), time.time() - seconds_ago
    data, text = folder / "data", folder / "pretended.txt"
    with text.open("w", encoding="utf-8") as file:
        file.writelines(openmetrics(now, length, step))
    made = [
        program("promtool"),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--max-block-duration=24h",
        str(text),
        str(data),
    ]
    subprocess.run(made, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    text.unlink()
    (folder / "prometheus.yml").write_text(CONFIG.format(port=port), encoding="utf-8")
    (folder / "rules.yml").write_text(RULES, encoding="utf-8")
    flags = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [program("prometheus"), *flags, "--storage.tsdb.retention.time=60d"], stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _until_it_answers(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    wanted = "max(timestamp(up)) and on() ALERTS"
    while time.monotonic() < end and process.poll() is None:
        answer = Prometheus(Place.parse(url)).now(wanted, time.time(), LOOK_SECONDS * 100)
        if answer and not isinstance(answer, Failure):
            return
        time.sleep(LOOK_SECONDS)
    raise AssertionError(log.read_text(encoding="utf-8")[-2000:])
