"""What a request costs on its way: ``make bench-gateway``; prints docs/benchmarks.md's tables, writes the figures too.

A mock runtime and the callers are processes of their own; between them stands, in turn and in every round anew:
nothing, this gateway, LiteLLM, vllm-router. Processor time is the kernel's count of an arm's whole process tree. The
machine is shared: compare arms of one run, and CPU before wall time. ``ARM=freehold`` (or several names) asks those
only, ``ROUNDS=1`` once; ``BENCH_FOLDER`` keeps environments, logs and figures in a folder of yours.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.gateway import measure, report
from tests.bench.gateway.arms import ARMS, DIRECT, Arm, Running, build
from tests.bench.gateway.measure import Sizes
from tests.bench.gateway.processes import rss_megabytes, running
from tests.bench.provisioning import machine
from tests.ports import free_port

ROUNDS = 5
CROWD, CROWD_PIECES, CROWD_GAP_MS = 1000, 40, 250
IDLE = 4000

Figures = dict[str, dict[str, Any]]


def main() -> None:
    """Measure and print."""
    rounds = int(os.environ.get("ROUNDS", ROUNDS))
    folder = Path(os.environ.get("BENCH_FOLDER") or tempfile.mkdtemp(prefix="freehold-bench-gateway-"))
    folder.mkdir(parents=True, exist_ok=True)
    arms = _chosen(folder)
    load, began = os.getloadavg()[0], datetime.now(UTC)
    with ExitStack() as stack:
        stands = _start(stack, arms, folder)
        figures: Figures = {arm.name: {"rss_idle_mb": rss_megabytes(stands[arm.name].pid)} for arm in arms}
        _rounds(arms, stands, figures, rounds)
        _crowds(arms, stands, figures)
    result = {"date": f"{began:%Y-%m-%d}", "machine": machine(), "load": load, "rounds": rounds, "arms": figures}
    place = folder / "result.json"
    place.write_text(json.dumps(result, indent=1))
    print(f"\n{result['date']}, {machine()}, load {load:.1f} before, {rounds} rounds, median (range)\n")
    print(report.tables(figures))
    print(f"\nfigures: {place}")


def _chosen(folder: Path) -> list[Arm]:
    wanted = os.environ.get("ARM", "").split()
    chosen = []
    for arm in ARMS:
        if wanted and arm.name not in wanted and arm is not DIRECT:
            continue
        if why := build(arm, folder):
            print(f"skipped {arm.name}: {arm.package} cannot be installed here: {why}", file=sys.stderr)
            continue
        chosen.append(arm)
    return chosen


def _start(stack: ExitStack, arms: Sequence[Arm], folder: Path) -> dict[str, Running]:
    port = free_port()
    words = [sys.executable, "-m", "tests.bench.gateway.upstream", str(port)]
    runtime = stack.enter_context(running(words, port, folder / "runtime.log"))
    stands = {arm.name: stack.enter_context(arm.running(folder, port, runtime)) for arm in arms}
    for arm in arms:  # warm: what is imported or compiled at the first request is not a request's cost
        for pieces in (0, measure.SHORT):
            outcome = measure.ask(stands[arm.name], requests=20, pieces=pieces)
            if outcome["failed"] or outcome["lost"]:
                raise SystemExit(f"{arm.name} does not answer as it must: {outcome}; see {folder}")
    return stands


def _rounds(arms: Sequence[Arm], stands: dict[str, Running], figures: Figures, rounds: int) -> None:
    sizes = Sizes()
    for number in range(1, rounds + 1):
        for arm in arms:
            stand = stands[arm.name]
            found = measure.cost(stand, arm, sizes)
            if arm is not DIRECT:
                found |= _added(stand, stands[DIRECT.name], arm, sizes)
            figures[arm.name].setdefault("rounds", []).append(found)
            words = " ".join(f"{name}={value:.3f}" for name, value in found.items())
            print(f"round {number} {arm.name}: {words}", file=sys.stderr, flush=True)


def _added(stand: Running, direct: Running, arm: Arm, sizes: Sizes) -> dict[str, float]:
    half = measure.fastest(stand, arm, sizes) / 2
    with_it, without = measure.first_tokens(stand, half, sizes), measure.first_tokens(direct, half, sizes)
    added = {f"added_{name}": with_it[name] - without[name] for name in ("first_ms_p50", "first_ms_p99")}
    return {"half_rate": half, **added, "failed_open": with_it["failed"]}


def _crowds(arms: Sequence[Arm], stands: dict[str, Running], figures: Figures) -> None:
    for arm in arms:
        stand, own = stands[arm.name], figures[arm.name]
        own["crowd"] = measure.crowd(stand, CROWD, CROWD_PIECES, CROWD_GAP_MS)
        own["idle"] = measure.idlers(stand, IDLE, int(1000 * arm.weight))
        print(f"{arm.name}: {own['crowd']} {own['idle']}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
