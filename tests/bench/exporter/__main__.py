"""What telemetry of eight GPUs costs: ``python -m tests.bench.exporter``; prints a table, writes the figures as JSON.

This exporter and nvitop-exporter, each at a sample in 5 s and a scrape in 15 s, over the same simulated GPUs whose
calls are late by nothing, 1 ms and 10 ms; the arms in turn in each round. The simulated library's own work is in it,
and what a real driver takes is not: compare arms. A window is a minute, in which each pace of the exporter comes round.
``ROUNDS``, ``SECONDS`` and ``BENCH_FOLDER`` (for logs and figures) are taken from the environment.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.exporter.arms import ARMS, INTERVAL, Running
from tests.bench.provisioning import environment, machine

from freehold.lab.nvml import build, change_file, initial_state

ROUNDS, SECONDS = 3, 60.0
DELAYS_US = (0, 1_000, 10_000)
SCRAPE_SECONDS = 15.0
SCRAPES, SCRAPE_PAUSE_SECONDS = 300, 0.02

Figures = dict[str, dict[int, list[dict[str, float]]]]


def main() -> None:
    """Measure and print."""
    rounds, seconds = int(os.environ.get("ROUNDS", ROUNDS)), float(os.environ.get("SECONDS", SECONDS))
    folder = Path(os.environ.get("BENCH_FOLDER") or tempfile.mkdtemp(prefix="freehold-bench-exporter-"))
    folder.mkdir(parents=True, exist_ok=True)
    library, programs, state = build(folder / "nvml"), environment() / "bin", folder / "nvml.state"
    began, load = datetime.now(UTC), os.getloadavg()[0]
    figures: Figures = {arm.name: {delay: [] for delay in DELAYS_US} for arm in ARMS}
    for number in range(1, rounds + 1):
        for arm in ARMS:
            state.write_text(initial_state(8, seed="bench") + busy_state())
            with arm.running(programs, library, state) as stand:
                for delay in DELAYS_US:
                    found = measured(stand, state, delay, seconds)
                    figures[arm.name][delay].append(found)
                    words = " ".join(f"{name}={value:.3f}" for name, value in found.items())
                    print(f"round {number} {arm.name} {delay} us: {words}", file=sys.stderr, flush=True)
    result = {"date": f"{began:%Y-%m-%d}", "machine": machine(), "load": [load, os.getloadavg()[0]], "arms": figures}
    (folder / "result.json").write_text(json.dumps(result, indent=1))
    print(f"{result['date']}, {machine()}, load {load:.1f} before and {os.getloadavg()[0]:.1f} after, ", end="")
    print(
        f"{rounds} rounds of {seconds:.0f} s, median (range)\n\n{table(figures)}\n\nfigures: {folder / 'result.json'}"
    )


def busy_state() -> str:
    """A process on each GPU and a second one on the first, so that everything there is gets asked."""
    processes = [f"process.{gpu}={gpu}:{os.getpid()}:60000:C:70\n" for gpu in range(8)]
    return "power=500\nutilisation=80\n" + "".join(processes) + f"process.8=0:{os.getppid()}:30000:C:20\n"


def measured(stand: Running, state: Path, delay_us: int, seconds: float) -> dict[str, float]:
    """One arm at one delay: share of a core in percent, milliseconds of a scrape, memory."""
    change_file(state, {"delay_us": delay_us})
    until(time.monotonic() + 2 * INTERVAL)  # what was asked before the change is answered by now
    before, began = stand.cpu_seconds(), time.monotonic()
    for number in range(1, int(seconds // SCRAPE_SECONDS) + 1):
        until(began + number * SCRAPE_SECONDS)
        stand.scrape()
    until(began + seconds)
    share = 100 * (stand.cpu_seconds() - before) / (time.monotonic() - began)
    waits, page = scrape_milliseconds(stand), stand.scrape()
    return {
        "core_percent": share,
        "scrape_ms_p50": statistics.median(waits),
        "scrape_ms_p99": statistics.quantiles(waits, n=100)[98],
        "rss_mb": stand.megabytes,
        "page_kb": len(page) / 1e3,
    }


def scrape_milliseconds(stand: Running) -> list[float]:
    """How long each of many scrapes took, at a pace that leaves the sampler alone."""
    waits = []
    for _ in range(SCRAPES):
        began = time.perf_counter()
        stand.scrape()
        waits.append(1000 * (time.perf_counter() - began))
        until(time.monotonic() + SCRAPE_PAUSE_SECONDS)
    return waits


def until(moment: float) -> None:
    """Sleep until ``moment`` of the monotonic clock."""
    time.sleep(max(0.0, moment - time.monotonic()))


def table(figures: Mapping[str, Mapping[int, Sequence[Mapping[str, float]]]]) -> str:
    """The table of docs/benchmarks.md."""
    lines = [
        "| arm | delay a call | CPU of one core, % | scrape p50 ms | p99 ms | RSS MB | page kB |",
        "|---" * 7 + "|",
    ]
    for arm, delays in figures.items():
        for delay, rounds in delays.items():
            names = ("core_percent", "scrape_ms_p50", "scrape_ms_p99", "rss_mb", "page_kb")
            cells = [spread([one[name] for one in rounds]) for name in names]
            lines.append(f"| {arm} | {delay / 1000:g} ms | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: Sequence[float]) -> str:
    """Median and range."""
    digits = 3 if statistics.median(values) < 1 else 1
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
