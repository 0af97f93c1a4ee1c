"""Measures the main job on the lab that is up, and prints the table of docs/benchmarks.md.

Each row: median and range over the rounds, CPU seconds of this machine's side (children included) beside wall time.
The machines that it runs on are shared: compare rows of one run, not runs. `make up` itself is timed by its own steps,
which the last run left in the lab's folder.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from freehold.fleet import pulumi_environment
from freehold.lab.up import TIMINGS
from freehold.paths import PROJECT, lab_paths
from freehold.status import gather
from freehold.status.probe import probe

ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """One measured thing; seconds."""

    what: str
    wall: Sequence[float]
    cpu: Sequence[float]
    aim: str

    def line(self) -> str:
        """Return the row in Markdown."""
        return f"| {self.what} | {_spread(self.wall)} | {_spread(self.cpu)} | {self.aim} |"


def main() -> None:
    """Measure and print."""
    rows = [*_ups(), _noop_pulumi_up(), _second_converge(), *_first_token()]
    print(f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}, load at the start {os.getloadavg()[0]:.1f}, {ROUNDS} rounds\n")
    print("| what | wall s, median (range) | CPU s here | aim |\n|---|---|---|---|")
    for row in rows:
        print(row.line())


def _ups() -> list[Row]:
    place = lab_paths().root / TIMINGS
    if not place.is_file():
        return []
    steps = json.loads(place.read_text(encoding="utf-8"))
    total = sum(step["seconds"] for step in steps)
    rows = [Row(f"last `make up`, step {step['title']}", [step["seconds"]], [], "") for step in steps]
    return [*rows, Row("last `make up`, all steps", [total], [], "≤ 720 from nothing, ≤ 240 with warm caches")]


def _noop_pulumi_up() -> Row:
    variables = pulumi_environment.variables(pulumi_environment.lab_folders(), lambda _: None)
    words = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--color", "never"]
    return _commands("no-op `pulumi up`", words, PROJECT / "stacks/fleet", variables, "≤ 6")


def _second_converge() -> Row:
    words = [str(PROJECT / ".venv/bin/ansible-playbook"), "-i", "inventory/lab", "playbooks/site.yml"]
    return _commands("converge of a converged node, by hand", words, PROJECT, {}, "changed=0")


def _commands(what: str, words: Sequence[str], folder: Path, variables: Mapping[str, str], aim: str) -> Row:
    def once() -> None:
        environment = {**os.environ, **variables}
        subprocess.run(
            words, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )

    wall, cpu = zip(*(_timed(once) for _ in range(ROUNDS)), strict=True)
    return Row(what, wall, cpu, aim)


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _first_token() -> list[Row]:
    document = gather.load_document(lab_paths().export / "fleet.json")
    key = (lab_paths().secrets / "operator-key").read_text(encoding="utf-8").strip()
    host, port = document["hosts"][0]["serve_address"], document["gateway"]["port"]
    chat = next(model["name"] for model in document["models"] if model["kind"] == "chat")
    answers = [probe(host, port, key, chat) for _ in range(ROUNDS)]
    first = [answer.first_token_seconds for answer in answers if answer.first_token_seconds is not None]
    rates = [answer.tokens_per_second for answer in answers if answer.tokens_per_second is not None]
    return [
        Row("first token through the gateway", first, [], "≤ 1"),
        Row("tokens a second (not seconds), one stream", rates, [], ""),
    ]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    median = f"{statistics.median(values):.2f}"
    return median if len(values) == 1 else f"{median} ({min(values):.2f} to {max(values):.2f})"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}, {platform.machine()}"


if __name__ == "__main__":
    main()
