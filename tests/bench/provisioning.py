"""Converges a bare lab node with forty things, and once more, by eight arms in turn; prints docs/benchmarks.md's table.

Processor time is the kernel's count of whole control groups, here and on the node, so that helpers which outlive the
command are in it. Each arm of each round begins on a new node. All must leave the same files, accounts, packages and
units behind, and the second run must change none. The machine is shared: compare arms of one run. `make up` first.
"""

from __future__ import annotations

import hashlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.provision.arms import Arm, arms
from tests.bench.provision.node import Cost, digest, fresh, load

from freehold.lab.world import Lab, open_lab
from freehold.paths import PROJECT, cache_folder

LOCK = PROJECT / "requirements/bench.txt"
ROUNDS = 5

Runs = dict[str, list[tuple[Cost, Cost]]]


def main() -> int:
    """Measure and print."""
    venv = environment()
    (packages,) = venv.glob("lib/python*/site-packages")
    chosen = [arm for arm in arms(packages) if not sys.argv[1:] or arm.name in sys.argv[1:]]
    started, before, runs, states = datetime.now(UTC), load(), Runs(), dict[str, set[str]]()
    for number in range(1, ROUNDS + 1):
        for arm in chosen:
            costs, state = measure(open_lab(), arm, venv / "bin")
            runs.setdefault(arm.name, []).append(costs)
            states.setdefault(arm.name, set()).add(state)
            print(f"round {number} {arm.name:<42} {digest(state)} {costs[0]} {costs[1]}", file=sys.stderr, flush=True)
    print(f"{started:%Y-%m-%d}, {machine()}, load {before:.1f} before and {load():.1f} after, {ROUNDS} rounds\n")
    print(table(runs, states))
    return 0 if len(set.union(*states.values())) == 1 else different(states)


def measure(lab: Lab, arm: Arm, programs: Path) -> tuple[tuple[Cost, Cost], str]:
    """Converge a new node and converge it again; the costs, and what the node is then."""
    with tempfile.TemporaryDirectory() as name, fresh(lab) as node:
        folder = Path(name)
        arm.prepare(folder, node)
        command, variables, log = arm.command(programs), arm.environment(folder), folder / "log"
        first = node.timed(command, folder, variables, log)
        state = node.end_state()
        second = node.timed(command, folder, variables, log)
        if (again := node.end_state()) != state:
            raise SystemExit(f"{arm.name}: the second run changed something: {difference(state, again)}")
        return (first, second), state


def table(runs: Runs, states: dict[str, set[str]]) -> str:
    """Medians, with the range of the wall time; CPU seconds here + on the node."""
    head = "| arm | converge, CPU s here + node | wall s | rerun, CPU s here + node | wall s | end state |"
    lines = [head, "|---|---|---|---|---|---|"]
    for name, costs in runs.items():
        cells = (cell for side in zip(*costs, strict=True) for cell in (_cpu(side), _wall(side)))
        lines.append(f"| {name} | {' | '.join(cells)} | {', '.join(sorted(map(digest, states[name])))} |")
    return "\n".join(lines)


def _cpu(costs: Sequence[Cost]) -> str:
    here, there = (statistics.median(getattr(cost, side) for cost in costs) for side in ("control", "node"))
    together = statistics.median(cost.control + cost.node for cost in costs)
    return f"{here:.1f} + {there:.1f} = **{together:.1f}**"


def _wall(costs: Sequence[Cost]) -> str:
    walls = [cost.wall for cost in costs]
    return f"{statistics.median(walls):.1f} ({min(walls):.1f} to {max(walls):.1f})"


def different(states: dict[str, set[str]]) -> int:
    """Say in what the end states differ."""
    first, *others = sorted(set.union(*states.values()))
    for other in others:
        print(f"end states {digest(first)} and {digest(other)} differ: {difference(first, other)}", file=sys.stderr)
    return 1


def difference(one: str, other: str) -> str:
    """The lines that only one of two states has."""
    return " | ".join(sorted(set(one.splitlines()) ^ set(other.splitlines())))


def environment() -> Path:
    """The tools of the arms, by digest, in an environment that the product never sees."""
    venv = cache_folder() / f"bench-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    uv = str(Path(sys.executable).with_name("uv"))
    python = str(venv / "bin/python")
    if not (venv / ".complete").is_file():
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "--require-hashes"]
        subprocess.run([*install, "--only-binary", ":all:", "--requirement", LOCK], check=True)
        (venv / ".complete").touch()
    return venv


def machine() -> str:
    """What it ran on, in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}, {platform.machine()}"


if __name__ == "__main__":
    sys.exit(main())
