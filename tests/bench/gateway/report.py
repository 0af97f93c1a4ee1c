"""The tables of docs/benchmarks.md, made of the figures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = {
    "cpu_ms_request": "CPU ms a request, one caller",
    "cpu_ms_request_busy": "16 callers",
    "cpu_ms_chunk": "CPU ms a streamed chunk",
    "whole_ms_p50": "answer p50 ms",
    "whole_ms_p99": "p99",
    "rate": "requests/s, 16 callers",
}
ADDED = {
    "half_rate": "streams/s, half the most",
    "added_first_ms_p50": "first token, added p50 ms",
    "added_first_ms_p99": "p99",
}


def tables(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Return all tables in Markdown."""
    return "\n\n".join((_rounds(figures, COLUMNS), _rounds(figures, ADDED), _crowds(figures)))


def _rounds(figures: Mapping[str, Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    lines = [f"| arm | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
    for arm, own in figures.items():
        cells = [_spread([one[name] for one in own["rounds"] if name in one]) for name in columns]
        if any(cells):
            lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _crowds(figures: Mapping[str, Mapping[str, Any]]) -> str:
    first = next(iter(figures.values()))
    head = ["arm", "RSS MB, started", f"{first['crowd']['streams']} streams at once: failed + cut short"]
    head += [
        "CPU ms a chunk",
        "RSS MB",
        f"{first['idle']['idle']} idle connections: closed",
        "answer p50 / p99 ms",
        "RSS MB",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for arm, own in figures.items():
        crowd, idle = own["crowd"], own["idle"]
        cells = [arm, f"{own['rss_idle_mb']:.0f}", f"{crowd['failed']} + {crowd['lost']}"]
        cells += [f"{crowd['cpu_ms_chunk']:.3f}", f"{crowd['rss_mb']:.0f}", f"{idle['idle_lost']}"]
        cells += [f"{idle['whole_ms_p50']:.2f} / {idle['whole_ms_p99']:.2f}", f"{idle['rss_mb']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = statistics.median(values)
    digits = 0 if middle > 100 else 3 if middle < 0.1 else 2
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
