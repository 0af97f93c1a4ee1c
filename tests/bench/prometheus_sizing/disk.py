"""Bytes a sample on the disk: hours of one node's samples, written by the real programs as they keep them."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.gateway.processes import running
from tests.bench.prometheus_sizing.live import victoria_words
from tests.bench.prometheus_sizing.page import Source
from tests.bench.prometheus_sizing.targets import TICK_SECONDS
from tests.ports import free_port
from tests.programs import program

HOURS = 4
"""Two of Prometheus' blocks of two hours; larger blocks, made of these later, have a smaller index."""

BLOCK_SECONDS = 7200
BEGIN = 1_790_000_000 // BLOCK_SECONDS * BLOCK_SECONDS
"""At a block's edge, so that no block is a part."""

PATIENCE_SECONDS = 300


def ticks() -> range:
    """All moments of the hours."""
    return range(int(HOURS * 3600 / TICK_SECONDS))


def moment(tick: int) -> int:
    """Unix seconds."""
    return BEGIN + int(tick * TICK_SECONDS)


def rows(sources: Sequence[Source], tick: int) -> Iterator[tuple[str, float]]:
    """Every series of one node with its target's labels."""
    for source in sources:
        own = f'instance="gpu1:9100",node="gpu1",job="{source.job}"'
        for series, value in source.at(tick):
            name, _, rest = series.partition("{")
            yield f"{name}{{{rest.removesuffix('}') + ',' if rest else ''}{own}}}", value


def prometheus(sources: Sequence[Source], folder: Path) -> dict[str, float]:
    """By promtool, which makes the same blocks as the server does."""
    text, blocks, samples = folder / "samples.om", folder / "blocks", 0
    with text.open("w", encoding="utf-8") as file:
        for tick in ticks():
            lines = [f"{series} {value} {moment(tick)}\n" for series, value in rows(sources, tick)]
            samples += len(lines)
            file.writelines(lines)
        file.write("# EOF\n")
    words = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(text), str(blocks)]
    subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    text.unlink()
    whole = sum(file.stat().st_size for file in blocks.rglob("*") if file.is_file())
    chunks = sum(file.stat().st_size for file in blocks.glob("*/chunks/*"))
    return {"samples": samples, "bytes_per_sample": whole / samples, "chunk_bytes_per_sample": chunks / samples}


def victoria(sources: Sequence[Source], folder: Path) -> dict[str, float]:
    """By victoria-metrics' own import, with all parts merged."""
    port, samples = free_port(), 0
    with running(victoria_words(folder / "victoria", port), port, folder / "victoria-disk.log"):
        url = f"http://127.0.0.1:{port}"
        for tick in ticks():
            lines = [f"{series} {value} {moment(tick) * 1000}\n" for series, value in rows(sources, tick)]
            samples += len(lines)
            _ask(f"{url}/api/v1/import/prometheus", "".join(lines).encode())
        _ask(f"{url}/internal/force_flush")
        _ask(f"{url}/internal/force_merge")
    whole = sum(file.stat().st_size for file in (folder / "victoria").rglob("*") if file.is_file())
    return {"samples": samples, "bytes_per_sample": whole / samples}


def _ask(url: str, body: bytes | None = None) -> None:
    with urllib.request.urlopen(url, data=body, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310  loopback
        answer.read()
