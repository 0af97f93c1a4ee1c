"""One arm measured once: what its processes spend, and what its callers wait."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.gateway.arms import KEY, Arm, Running
from tests.bench.gateway.load import Load
from tests.bench.gateway.processes import cpu_seconds, rss_megabytes

from freehold.paths import PROJECT

LONG, SHORT, STREAMS = 208, 8, 48
"""Pieces of a long and of a short stream, and how many of each: their difference is the cost of a piece."""

LOAD_SECONDS = 300


@dataclass(frozen=True)
class Sizes:
    """How much is asked of an arm of weight 1."""

    plain: int = 4000
    busy: int = 6000
    streams: int = STREAMS
    open_seconds: float = 5.0


def ask(arm: Running, **load: Any) -> dict[str, Any]:
    """Put a load on an arm from a process of its own; adds the CPU seconds that the arm spent on it."""
    wanted = json.dumps(asdict(Load(arm.port, KEY, **load)))
    before = cpu_seconds(arm.pid)
    words = [sys.executable, "-m", "tests.bench.gateway.load", wanted]
    answer = subprocess.run(words, cwd=PROJECT, capture_output=True, check=True, timeout=LOAD_SECONDS)
    outcome: dict[str, Any] = json.loads(answer.stdout)
    outcome["arm_cpu"] = cpu_seconds(arm.pid) - before
    return outcome


def cost(arm: Running, kind: Arm, sizes: Sizes) -> dict[str, float]:
    """Measure the cost and the pace of an arm that is warm; milliseconds, requests a second, megabytes."""
    plain = ask(arm, requests=_share(sizes.plain, kind))
    busy = ask(arm, requests=_share(sizes.busy, kind), callers=16)
    short, long = (_streams(arm, kind, sizes, pieces) for pieces in (SHORT, LONG))
    outcomes = (plain, busy, short, long)
    per_stream = [one["arm_cpu"] / max(one["requests"], 1) for one in (short, long)]
    return {
        "cpu_ms_request": 1000 * plain["arm_cpu"] / plain["requests"],
        "cpu_ms_request_busy": 1000 * busy["arm_cpu"] / busy["requests"],
        "cpu_ms_chunk": 1000 * (per_stream[1] - per_stream[0]) / (LONG - SHORT),
        "cpu_ms_short_stream": 1000 * per_stream[0],
        "whole_ms_p50": 1000 * plain["whole_50"],
        "whole_ms_p99": 1000 * plain["whole_99"],
        "rate": busy["requests"] / busy["wall"],
        "failed": sum(one["failed"] + one["lost"] for one in outcomes),
    }


def _streams(arm: Running, kind: Arm, sizes: Sizes, pieces: int) -> dict[str, Any]:
    return ask(arm, requests=_share(sizes.streams * LONG // pieces, kind), callers=16, pieces=pieces, gap_ms=4)


def fastest(arm: Running, kind: Arm, sizes: Sizes) -> float:
    """Return the most streams a second that an arm answers, of eight pieces each, without a pause between them."""
    outcome = ask(arm, requests=_share(sizes.busy, kind), callers=32, pieces=SHORT)
    return float(outcome["requests"] / outcome["wall"])


def first_tokens(arm: Running, rate: float, sizes: Sizes) -> dict[str, float]:
    """Return when first tokens come, in an open loop at ``rate`` streams a second; milliseconds."""
    outcome = ask(arm, requests=max(20, int(rate * sizes.open_seconds)), rate=rate, pieces=SHORT)
    figures = {f"first_ms_p{at}": 1000 * (outcome[f"first_{at}"] or 0) for at in (50, 99)}
    return {**figures, "failed": outcome["failed"] + outcome["lost"]}


def crowd(arm: Running, streams: int, pieces: int, gap_ms: int) -> dict[str, float]:
    """Open so many streams at once; what is lost, and the arm's memory after it."""
    outcome = ask(arm, requests=streams, callers=streams, pieces=pieces, gap_ms=gap_ms)
    return {
        "streams": streams,
        "pieces_a_second": streams * 1000 / gap_ms,
        "failed": outcome["failed"],
        "lost": outcome["lost"],
        "cpu_ms_chunk": 1000 * outcome["arm_cpu"] / (streams * pieces),
        "wall": outcome["wall"],
        "rss_mb": rss_megabytes(arm.pid),
    }


def idlers(arm: Running, idle: int, requests: int) -> dict[str, float]:
    """Measure one caller's time while so many connections are held idle."""
    outcome = ask(arm, requests=requests, idle=idle)
    return {
        "idle": idle,
        "idle_lost": outcome["idle_lost"],
        "failed": outcome["failed"],
        "whole_ms_p50": 1000 * outcome["whole_50"],
        "whole_ms_p99": 1000 * outcome["whole_99"],
        "rss_mb": rss_megabytes(arm.pid),
    }


def _share(requests: int, kind: Arm) -> int:
    return max(20, int(requests * kind.weight))
