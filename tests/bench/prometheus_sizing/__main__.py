"""What a monitor needs: ``python -m tests.bench.prometheus_sizing``; prints docs/benchmarks.md's tables, writes JSON.

Debian's Prometheus scrapes 1, 10, 100 and 200 fake nodes each 15 s in real time, once alone and once with remote write
to Debian's victoria-metrics. Processor time is the kernel's count for each program. Bytes a sample come from four hours
of one node's samples, given to the real programs at once, for a block is made after hours. ``NODES="1 10"``,
``SECONDS`` (a multiple of the 15), ``WARM_SECONDS`` and ``BENCH_FOLDER`` are taken from the environment.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.prometheus_sizing import disk, live
from tests.bench.prometheus_sizing.live import Cost, Found
from tests.bench.prometheus_sizing.page import sources
from tests.bench.provisioning import machine

NODES = "1 10 100 200"
WARM_SECONDS, SECONDS = 45.0, 90.0
SPACE = 100e9
DAY = 86_400


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        folder = Path(name)
        began, load = datetime.now(UTC), os.getloadavg()[0]
        pages = sources(folder)
        series = {source.job: len(source.lines) for source in pages}
        print(f"series of a node: {series}", file=sys.stderr, flush=True)
        kept = {"prometheus": disk.prometheus(pages, folder), "victoria": disk.victoria(pages, folder)}
        print(kept, file=sys.stderr, flush=True)
        found = [_step(nodes, folder, remote=remote) for nodes in _sizes() for remote in (False, True)]
    result = {"date": f"{began:%Y-%m-%d}", "machine": machine(), "load": load, "series": series, "disk": kept}
    Path(os.environ.get("BENCH_FOLDER", ".")).joinpath("sizing.json").write_text(
        json.dumps({**result, "steps": [one.as_json() for one in found]}, indent=1)
    )
    print(f"{result['date']}, {machine()}, load {load:.1f} before, {os.getloadavg()[0]:.1f} after\n")
    print(table(found, kept["prometheus"]["bytes_per_sample"], kept["victoria"]["bytes_per_sample"]))


def _sizes() -> list[int]:
    return [int(word) for word in os.environ.get("NODES", NODES).split()]


def _step(nodes: int, folder: Path, *, remote: bool) -> Found:
    warm, seconds = (float(os.environ.get(name, globals()[name])) for name in ("WARM_SECONDS", "SECONDS"))
    place = folder / f"{nodes}-{remote}"
    found = live.step(nodes, place, remote=remote, warm_seconds=warm, seconds=seconds)
    print(found, file=sys.stderr, flush=True)
    return found


def table(found: Sequence[Found], own_bytes: float, store_bytes: float) -> str:
    """The table of docs/benchmarks.md."""
    head = ["nodes", "active series", "samples/s", "Prometheus: cores", "RSS MB", "days in 100 GB"]
    head += ["with remote write: cores", "RSS MB", "VictoriaMetrics: cores", "RSS MB", "days in 100 GB"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for alone, both in zip(found[::2], found[1::2], strict=True):
        cells = [f"{alone.nodes:,}", f"{alone.series:,.0f}", f"{alone.samples_per_second:,.0f}"]
        cells += [*_cost(alone.prometheus), _days(alone, own_bytes), *_cost(both.prometheus)]
        cells += [*_cost(both.store), _days(both, store_bytes)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cost(cost: Cost | None) -> list[str]:
    return [f"{cost.cores:.3f}", f"{cost.rss_mb:,.0f}"] if cost else ["", ""]


def _days(found: Found, bytes_per_sample: float) -> str:
    return f"{SPACE / (bytes_per_sample * found.samples_per_second * DAY):,.0f}"


if __name__ == "__main__":
    main()
