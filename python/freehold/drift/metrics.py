"""Drift as metrics, in a file that the node exporter's textfile collector reads (Prometheus text format)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freehold.drift import KINDS


def render(answer: Mapping[str, Any], at: float) -> str:
    """The page of one probe's answer; ``at`` in UNIX seconds. Every kind is there, so that an alert can clear."""
    counts = Counter(item["kind"] for item in answer["items"])
    kinds = {f'{{kind="{kind}"}}': counts[kind] for kind in KINDS}
    return (
        _family("items", "Things that differ from the last converge, by kind.", kinds)
        + _family("generation", "Generation of the last converge; 0 where the baseline is lost.", {"": answer["kept"]})
        + _family("unfinished", "A converge is under way or was cut off.", {"": int(answer["unfinished"])})
        + _family("checked_timestamp_seconds", "When the node compared itself.", {"": round(at)})
    )


def _family(name: str, says: str, samples: Mapping[str, int]) -> str:
    full = f"freehold_drift_{name}"
    rows = "".join(f"{full}{labels} {value}\n" for labels, value in samples.items())
    return f"# HELP {full} {says}\n# TYPE {full} gauge\n{rows}"


def write(path: Path, page: str) -> None:
    """In one move and readable for the exporter, which is another user: a scrape never sees half a page."""
    draft = path.with_suffix(".new")
    with draft.open("w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o644)
        stream.write(page)
    draft.replace(path)
