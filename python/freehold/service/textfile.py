"""Pages for the node exporter's textfile collector, in Prometheus' text format; the standard library alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

Samples = Sequence[tuple[Mapping[str, str], float]]
"""Labels, and the value."""

ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def family(name: str, kind: str, says: str, samples: Samples) -> str:
    """One metric with its samples, ``kind`` being ``gauge`` or ``counter``; nothing at all where there are none."""
    if not samples:
        return ""
    rows = "".join(f"{name}{_braced(labels)} {value:.15g}\n" for labels, value in samples)
    return f"# HELP {name} {says}\n# TYPE {name} {kind}\n{rows}"


def _braced(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{value.translate(ESCAPED)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def write(path: Path, page: str) -> None:
    """In one move and readable for the exporter, which is another user: a scrape never sees half a page."""
    draft = path.with_suffix(".new")
    with draft.open("w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o644)
        stream.write(page)
    draft.replace(path)
