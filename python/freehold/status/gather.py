"""Asks every node, over SSH with its pinned host key, and asks the endpoint, as a client does."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold import ssh
from freehold.errors import RefusedError, UnknownStateError
from freehold.process import ProcessError, Runner
from freehold.sovereignty.light import UNITS
from freehold.status import node_facts
from freehold.status.probe import ProbeResult, probe

SSH_SECONDS = 15
READ_SECONDS = 300.0

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Access:
    """How to get at the fleet: the operator's SSH key, the pinned host keys, a client key of the gateway."""

    private_key: Path
    known_hosts: Path
    client_key: str


@dataclass(frozen=True)
class NodeReading:
    """What one node said; ``facts`` is ``{"error": ...}`` where it could not be asked.

    ``before`` holds the counters as they were before the probe. Times are UNIX seconds.
    """

    name: str
    at: float
    facts: dict[str, Any]
    probe: ProbeResult | None
    before_at: float
    before: dict[str, Any]
    maintenance: bool = False


def load_document(path: Path) -> dict[str, Any]:
    """Read the exported fleet document; without one nothing is known, which is not the same as a refusal."""
    from freehold.fleet import document as documents  # noqa: PLC0415  needs what only a control host has

    try:
        return documents.load(path)
    except RefusedError as error:
        raise UnknownStateError(
            "FLEET_DOCUMENT_UNREADABLE",
            str(path),
            error.found,
            expected=error.expected,
            fix="`make up` for the lab; `freehold fleet export` for a stack of yours",
        ) from error


def questions(document: Document) -> dict[str, Any]:
    """Return what to ask each node of this fleet."""
    known = document["bundle"]["models"]
    return {
        "models": {model["name"]: known[model["name"]]["digest"] for model in document["models"]},
        "probe_targets": document.get("sovereignty", {}).get("probe_targets", []),
        "metrics": {"gpu": "http://127.0.0.1:9400/metrics", "gateway": "http://127.0.0.1:8081/metrics"},
        "units": list(UNITS),
    }


def gather(
    document: Document, access: Access, runner: Runner, clock: Callable[[], float] = time.time
) -> list[NodeReading]:
    """Ask all nodes at once; the order is the document's."""
    hosts = document["hosts"]
    if not hosts:
        return []
    with ThreadPoolExecutor(max_workers=min(16, len(hosts))) as pool:
        return list(pool.map(lambda host: _ask(document, host, access, runner, clock), hosts))


def _ask(
    document: Document, host: Mapping[str, Any], access: Access, runner: Runner, clock: Callable[[], float]
) -> NodeReading:
    if host["maintenance"]:
        idle = {"error": "in maintenance: nothing visits it"}
        return NodeReading(host["name"], clock(), idle, None, clock(), idle, maintenance=True)
    asked = questions(document)
    counters_only = {**asked, "models": {}, "probe_targets": [], "units": []}
    # Counters before and after the probe, so that even the first call has a window with tokens in it.
    before_at, before = clock(), read_node(host, access, counters_only, runner)
    chat = next((model["name"] for model in document["models"] if model["kind"] == "chat"), None)
    answer = probe(host["serve_address"], document["gateway"]["port"], access.client_key, chat) if chat else None
    return NodeReading(host["name"], clock(), read_node(host, access, asked, runner), answer, before_at, before)


def read_node(host: Mapping[str, Any], access: Access, asked: Mapping[str, Any], runner: Runner) -> dict[str, Any]:
    """Run :mod:`freehold.status.node_facts` on a node and return what it read."""
    program = Path(node_facts.__file__).read_text(encoding="utf-8")
    remote = f"sudo -n python3 - {shlex.quote(json.dumps(asked))}"
    # One node that hangs or answers nonsense is unknown; the others are still judged.
    try:
        done = runner([*ssh_command(host, access), remote], check=False, stdin=program, timeout=READ_SECONDS)
        if done.returncode != 0:
            return {"error": f"ssh to {host['name']}: exit status {done.returncode}: {done.stderr.strip()[-300:]}"}
        facts: dict[str, Any] = json.loads(done.stdout)
    except (ProcessError, ValueError) as error:
        return {"error": f"ssh to {host['name']}: {error}"}
    return facts


def ssh_command(host: Mapping[str, Any], access: Access) -> list[str]:
    """Return the ssh words up to the remote command: pinned key, no questions, a time limit."""
    return ssh.command(host, access.private_key, access.known_hosts, connect_seconds=SSH_SECONDS)
