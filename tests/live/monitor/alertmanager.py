"""A real Alertmanager with the settings of its role, made impatient."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.live.monitor.processes import words
from tests.unit.roles.role import Role

INHIBITIONS = """inhibit_rules:
  - source_matchers: [alertname="FreeholdNodeDown"]
    target_matchers: [alertname="FreeholdGatewayDown"]
    equal: [node]
"""


def command(folder: Path, tls: Path, port: int, **given: Any) -> list[str]:
    """Its command; settings and state lie in ``folder``, certificate and passwords in ``tls``. It waits for nothing."""
    (folder / "inhibitions.yml").write_text(INHIBITIONS)
    role = Role("alertmanager", {
        "alertmanager_listen_port": port,
        "alertmanager_inhibitions_file": str(folder / "inhibitions.yml"),
        "alertmanager_dead_mans_switch_repeat": "1s",
        "alertmanager_tls_folder": str(tls),
        **given,
    })  # fmt: skip
    text = re.sub(r"group_interval: \S+", "group_interval: 1s", role.render("alertmanager.yml.j2"))
    text = re.sub(r"group_wait: \S+", "group_wait: 0s", text)
    text = text.replace("/run/credentials/prometheus-alertmanager.service", str(tls))
    (folder / "alertmanager.yml").write_text(text.replace("/etc/freehold/alertmanager", str(folder)))
    (folder / "freehold.tmpl").write_text(role.render("freehold.tmpl.j2"))
    state = "/var/lib/freehold/alertmanager"
    changed = {"/etc/freehold/alertmanager": str(folder), state: str(folder / "alertmanager")}
    return words(role, "prometheus-alertmanager.service.j2", changed)
