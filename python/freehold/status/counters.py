"""Energy and tokens "so far": counters that restart with their process, added up into one window that does not.

A reading is a pair of counters with the identity of the process that counts. Between two readings of the same process
the difference is added. After a restart tokens begin again at zero, so what the counter shows is the difference; energy
may restart anywhere, so that stretch is left out, its time too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from freehold.cost.token_cost import Window
from freehold.fleet import shared


@dataclass(frozen=True)
class Reading:
    """One look at one node. ``joules`` is the GPUs' counter; ``*_id`` change when a counter restarts."""

    at: float
    joules: float
    energy_id: str
    prompt_tokens: int
    completion_tokens: int
    tokens_id: str


@dataclass(frozen=True)
class Tally:
    """The sums since ``since`` (UNIX seconds) and the reading that they end at."""

    since: float
    seconds: float
    joules: float
    prompt_tokens: int
    completion_tokens: int
    last: Reading

    def window(self) -> Window:
        """Return the sums as what a cost is computed from."""
        return Window(self.seconds, self.joules, self.prompt_tokens, self.completion_tokens)


def begin(reading: Reading) -> Tally:
    """Start counting at ``reading``: what was before it is not known to belong to anything."""
    return Tally(reading.at, 0.0, 0.0, 0, 0, reading)


def add(tally: Tally, reading: Reading) -> Tally:
    """Add the difference between ``reading`` and the last one."""
    last = tally.last
    same_energy = reading.energy_id == last.energy_id and reading.joules >= last.joules
    same_tokens = reading.tokens_id == last.tokens_id and reading.prompt_tokens >= last.prompt_tokens
    return replace(
        tally,
        seconds=tally.seconds + (reading.at - last.at if same_energy else 0.0),
        joules=tally.joules + (reading.joules - last.joules if same_energy else 0.0),
        prompt_tokens=tally.prompt_tokens + reading.prompt_tokens - (last.prompt_tokens if same_tokens else 0),
        completion_tokens=tally.completion_tokens
        + reading.completion_tokens
        - (last.completion_tokens if same_tokens else 0),
        last=reading,
    )


def load(path: Path) -> Tally | None:
    """Read a kept tally; ``None`` where there is none or it cannot be understood (it is then begun anew)."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Tally(**{**raw, "last": Reading(**raw["last"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def save(path: Path, tally: Tally) -> None:
    """Keep the tally, whole or not at all."""
    shared.make(path.parent)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(asdict(tally)), encoding="utf-8")
    beside.replace(path)


def _named(exposition: str, name: str) -> Iterator[Sample]:
    """Yield the samples called ``name``; the parser appends ``_total`` to counters that lack it, as DCGM's do."""
    for family in text_string_to_metric_families(exposition):
        yield from (sample for sample in family.samples if sample.name in {name, f"{name}_total"})


def total(exposition: str, name: str, **wanted: str) -> float | None:
    """Sum the samples called ``name`` that carry the labels ``wanted``; ``None`` where there is none."""
    values = [sample.value for sample in _named(exposition, name) if wanted.items() <= sample.labels.items()]
    return sum(values) if values else None


def labels(exposition: str, name: str) -> list[dict[str, str]]:
    """Return the labels of each sample called ``name``."""
    return [dict(sample.labels) for sample in _named(exposition, name)]


def together(windows: Sequence[Window]) -> Window:
    """Add up windows of several nodes; their time is the longest, since they ran side by side."""
    return Window(
        seconds=max((window.seconds for window in windows), default=0.0),
        joules=sum(window.joules for window in windows),
        prompt_tokens=sum(window.prompt_tokens for window in windows),
        completion_tokens=sum(window.completion_tokens for window in windows),
    )
