"""A real Prometheus with the settings of its role, made impatient."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.live.monitor.processes import get, words
from tests.unit.keys import party
from tests.unit.roles.role import Role

# The beat's own rule is of monitoring/; here it reads the one job that every test has.
RULES = """groups:
  - name: beat
    rules:
      - alert: FreeholdDeadMansSwitch
        expr: max(up{job="node"}) == 1
        labels: {severity: none}
"""
LOOKBACK_SECONDS = 3
"""How long a sample counts; five minutes on a node."""


def command(
    folder: Path, tls: Path, port: int, targets: list[dict[str, Any]], alertmanager: str = "127.0.0.1:1", **given: Any
) -> list[str]:
    """Its command; settings, rules and history lie in ``folder``, the certificate in ``tls``."""
    role = Role("prometheus", {
        "prometheus_listen_port": port,
        "prometheus_scrape_interval": "1s",
        "prometheus_scrape_timeout": "1s",
        "prometheus_evaluation_interval": "1s",
        "prometheus_alertmanagers": [alertmanager],
        "prometheus_targets": targets,
        "prometheus_tls_folder": str(tls),
        **given,
    })  # fmt: skip
    text = role.render("prometheus.yml.j2").replace("/run/credentials/prometheus.service", str(tls))
    (folder / "prometheus.yml").write_text(text.replace("/etc/freehold/prometheus", str(folder)))
    (folder / "targets").mkdir()
    (folder / "targets" / "fleet.json").write_text(role.render("targets.json.j2"))
    (folder / "rules").mkdir()
    (folder / "rules" / "beat.yml").write_text(RULES)
    changed = {
        "/etc/freehold/prometheus": str(folder),
        "/var/lib/freehold/prometheus": str(folder / "history"),
        "--rules.alert.resend-delay=30s": f"--rules.alert.resend-delay=1s --query.lookback-delta={LOOKBACK_SECONDS}s",
    }
    return words(role, "prometheus.service.j2", changed)


def result(port: int, query: str) -> list[dict[str, Any]]:
    """Series of an instant query, in a Prometheus that may be coming up still."""
    text = get(f"http://{party.HOST}:{port}/api/v1/query?query={query}")
    found: list[dict[str, Any]] = json.loads(text)["data"]["result"] if text else []
    return found


def value(port: int, query: str) -> str:
    """The value of the first of them; empty without one."""
    found = result(port, query)
    return str(found[0]["value"][1]) if found else ""


def firing(port: int) -> list[str]:
    """Names of the alerts that fire, from the rules themselves: what is on disk may be old."""
    text = get(f"http://{party.HOST}:{port}/api/v1/alerts")
    found = json.loads(text)["data"]["alerts"] if text else []
    return [str(alert["labels"]["alertname"]) for alert in found if alert["state"] == "firing"]
