"""Asks every node at once what differs from its last converge. A node that cannot be asked is unknown, not an error.

It is called at every ``pulumi preview``, so it costs little: one OpenSSH client a host, and one short program there.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from freehold import ssh
from freehold.drift import BASELINE, MESH_KEY, UNFINISHED
from freehold.process import ProcessError, Runner
from freehold.process import run as run_program

CONNECT_SECONDS = 5
PROBE_SECONDS = 30.0
# The post-quantum exchange that OpenSSH would choose costs each side 65 ms of a core; a probe carries nothing that must
# still be secret in twenty years. A server without this one is spoken to in another. Figures: docs/benchmarks.md.
CHEAP = {"KexAlgorithms": "^curve25519-sha256"}
AT_ONCE = 32  # threads that wait; clients that compute are limited by the cores anyway
AGENT = "/opt/freehold/venvs/agent/bin/python"
REMOTE = "sudo -n sh -s"

# A node without a baseline was never converged by this Freehold, and may have no agent that could say so. Where there
# is one, an agent that is gone or broken is itself what differs: it was looked at, and a converge builds it anew.
SCRIPT = f"""\
if [ ! -e {BASELINE} ]; then
  key=$(wg pubkey < {MESH_KEY} 2>/dev/null) || key=
  printf '{{"generation": 0, "baseline": false, "unfinished": false, "items": [], "mesh_key": "%s"}}\n' "$key"
  exit
fi
found=missing
if [ -x {AGENT} ]; then
  answer=$({AGENT} -I -m freehold.drift.node probe) && {{ printf '%s\n' "$answer"; exit; }}
  found="broken, exit status $?"
fi
unfinished=false
if [ -e {UNFINISHED} ]; then unfinished=true; fi
printf '{{"generation": 0, "baseline": true, "unfinished": %s, "items": [%s"found": "%s"}}]}}\n' $unfinished \
  '{{"kind": "file", "name": "{AGENT}", "wanted": "the agent", ' "$found"
"""


@dataclass(frozen=True, order=True)
class Item:
    """One thing that is not as the last converge left it. ``kind`` is one of :data:`freehold.drift.KINDS`."""

    kind: str
    name: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.found} instead of {self.wanted}"


@dataclass(frozen=True)
class Probe:
    """What one node said. ``generation`` is the node's own, raised by one when something differs.

    ``reachable`` is false for a node that could not be looked at, and ``error`` says why: it is unknown. One in
    ``maintenance`` was not asked. ``baseline`` is false on a node that no converge has finished on.
    ``mesh_key`` is the public half of its WireGuard key, empty where it has none.
    """

    reachable: bool
    generation: int = 0
    items: tuple[Item, ...] = ()
    baseline: bool = False
    unfinished: bool = False
    error: str = ""
    maintenance: bool = False
    mesh_key: str | None = None

    @property
    def clean(self) -> bool:
        """Whether it was looked at, and is as a converge left it."""
        return self.reachable and self.baseline and not self.items and not self.unfinished

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def run(
    document: Mapping[str, Any],
    private_key: Path,
    *,
    hosts: Collection[str] | None = None,
    known_hosts: Path | None = None,
    runner: Runner = run_program,
) -> dict[str, Probe]:
    """Probe ``hosts`` (default: all) in parallel; the order is the document's. It raises nothing about a host.

    The host keys are the document's own unless a file of ``known_hosts`` is given. Nobody dials a host in maintenance.
    """
    chosen = [host for host in document["hosts"] if hosts is None or host["name"] in hosts]
    with _pinned(chosen, known_hosts) as keys, ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        probes = list(pool.map(lambda host: one(host, private_key, keys, runner), chosen))
    return {host["name"]: probe for host, probe in zip(chosen, probes, strict=True)}


@contextmanager
def _pinned(hosts: Collection[Mapping[str, Any]], given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="freehold-drift-") as folder:
        keys = Path(folder) / "known_hosts"
        keys.write_text(ssh.known_hosts_text(hosts), encoding="ascii")
        yield keys


def one(host: Mapping[str, Any], private_key: Path, known_hosts: Path, runner: Runner) -> Probe:
    """Probe one host; whatever goes wrong makes it unknown, with the reason."""
    if host.get("maintenance"):
        return Probe(reachable=False, error="in maintenance: nothing dials it", maintenance=True)
    words = [*ssh.command(host, private_key, known_hosts, connect_seconds=CONNECT_SECONDS, more=CHEAP), REMOTE]
    try:
        done = runner(words, check=False, stdin=SCRIPT, timeout=PROBE_SECONDS)
    except ProcessError as error:
        return Probe(reachable=False, error=error.found)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        return Probe(reachable=False, error=f"exit status {done.returncode}: {said[-1] if said else 'no message'}")
    try:
        return parse(done.stdout)
    except (ValueError, KeyError, TypeError) as error:
        return Probe(reachable=False, error=f"an answer that is none: {type(error).__name__}: {error}")


def parse(text: str) -> Probe:
    """The probe of a node's answer."""
    answer = json.loads(text)
    items = tuple(sorted(Item(**item) for item in answer["items"]))
    baseline, unfinished = bool(answer["baseline"]), bool(answer["unfinished"])
    return Probe(
        reachable=True,
        generation=int(answer["generation"]),
        items=items,
        baseline=baseline,
        unfinished=unfinished,
        mesh_key=answer.get("mesh_key"),  # an older agent says nothing of it
    )
