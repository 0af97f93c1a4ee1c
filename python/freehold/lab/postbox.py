"""The lab's operator: a mail server and a web hook on the control host, and what the stack says of them.

Both are real; who reads them is a folder (:mod:`freehold.lab.operator.server`). They stand on the management network,
where the owner's own machines are.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

from freehold.lab.launch import Service
from freehold.lab.plan import Plan
from freehold.lab.web import wait_until
from freehold.lab.world import Lab
from freehold.paths import LabPaths
from freehold.steps import UP_TO_DATE, Report

GROUP = "operator"
MAIL_PORT, HOOK_PORT = 2525, 9080
TRY_SECONDS = 2


def folder(paths: LabPaths) -> Path:
    """Where messages lie: ``mail/*.eml``, ``hooks/*.json``."""
    return paths.root / "operator"


def settings(plan: Plan) -> dict[str, Any]:
    """``fleet:monitoring`` of the lab. Without TLS: nothing secret is in it, and it does not leave the machine."""
    server = f"{plan.control_address}:{MAIL_PORT}"
    mail = {"server": server, "tls": "none", "sender": "freehold@lab.internal", "to": ["operator@lab.internal"]}
    return {
        "retention_days": 2,
        "retention_gb": 2,
        "mail": mail,
        "webhooks": [{"url": f"http://{plan.control_address}:{HOOK_PORT}/alerts"}],
    }


def raise_postbox(lab: Lab, report: Report) -> str:
    """Start both servers."""
    name, address = lab.plan.group(GROUP), str(lab.plan.control_address)
    if lab.launcher.running(name) and _answers(address):
        return UP_TO_DATE
    report(f"the operator's mail server at {address}:{MAIL_PORT} and web hook at port {HOOK_PORT}")
    ports = {"mail_port": MAIL_PORT, "hook_port": HOOK_PORT}
    task = json.dumps({"address": address, "folder": str(folder(lab.paths)), **ports})
    words = (sys.executable, "-m", "freehold.lab.operator.server", task)
    log = lab.paths.logs / "operator.log"
    lab.launcher.start(Service(name, words, log))
    wait_until(lambda: _answers(address), f"{address}:{MAIL_PORT}", log)
    return f"{address}:{MAIL_PORT}"


def _answers(address: str) -> bool:
    try:
        for port in (MAIL_PORT, HOOK_PORT):
            with socket.create_connection((address, port), timeout=TRY_SECONDS):
                pass
    except OSError:
        return False
    return True
