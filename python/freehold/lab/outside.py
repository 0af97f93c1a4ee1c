"""The outside: the client on the nodes' client network, and the internet that no node must get to."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from freehold.lab.launch import Service
from freehold.lab.network import NAMESPACES
from freehold.lab.plan import Plan
from freehold.lab.web import wait_until
from freehold.lab.world import Lab
from freehold.process import Completed
from freehold.steps import UP_TO_DATE, Report

GROUP = "internet"
TRY_SECONDS = 2


def command(plan: Plan, words: Sequence[str]) -> list[str]:
    """``words`` as a command of the outside. nsenter, as `ip netns exec` would also swap /sys and copy all mounts."""
    return ["nsenter", f"--net={NAMESPACES / plan.outside}", *words]


def run(lab: Lab, words: Sequence[str], *, check: bool = True, timeout: float = 60) -> Completed:
    """Run a command in the outside to its end."""
    return lab.runner(command(lab.plan, words), check=check, timeout=timeout)


def raise_internet(lab: Lab, report: Report) -> str:
    """Start what answers at the internet's address."""
    name = lab.plan.group(GROUP)
    if lab.launcher.running(name) and answers(lab.plan):
        return UP_TO_DATE
    report(f"an internet at {lab.plan.internet}")
    words = [sys.executable, "-m", "freehold.lab.internet", str(lab.plan.internet), str(record_path(lab))]
    lab.launcher.start(Service(name, tuple(command(lab.plan, words)), lab.paths.logs / "internet.log"))
    wait_until(lambda: answers(lab.plan), str(lab.plan.internet), lab.paths.logs / "internet.log")
    return str(lab.plan.internet)


def record_path(lab: Lab) -> Path:
    """The list of visitors, one JSON object a line: ``{"from": address, "port": number}``."""
    return lab.paths.logs / "internet-visitors.jsonl"


def visitors(lab: Lab) -> list[str]:
    """The addresses from which the internet was reached, first to last."""
    path = record_path(lab)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [str(json.loads(line)["from"]) for line in lines]


def answers(plan: Plan) -> bool:
    """Whether the control host gets through to the internet; it has a route."""
    connection = http.client.HTTPConnection(str(plan.internet), timeout=TRY_SECONDS)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
