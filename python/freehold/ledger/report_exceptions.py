"""``freehold usage --exceptions``: each request that left the fleet: when, for whom, why, where to, at which cost."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.table import Table

from freehold.ledger.exceptions import OPEN
from freehold.ledger.periods import SECOND_MS
from freehold.ledger.report import no_formula, usd

COLUMNS = (
    "time", "node", "key", "reason", "asked", "resolved", "prompt_tokens", "cached_tokens", "completion_tokens",
    "price", "usd", "state", "outcome",
)  # fmt: skip
RIGHT = frozenset({"prompt_tokens", "cached_tokens", "completion_tokens", "usd"})


def table(exports: Iterable[Mapping[str, Any]]) -> Table:
    """For people; what is open or unsettled counts, and is shown, at its worst case."""
    made = Table(
        title="Requests that left the fleet", title_justify="left", title_style="bold", header_style="dim",
        box=box.SIMPLE_HEAD,
    )  # fmt: skip
    for name in COLUMNS:
        made.add_column(name.replace("_", " "), justify="right" if name in RIGHT else "left", overflow="fold")
    for row in _rows(exports):
        made.add_row(*row)
    return made


def as_csv(exports: Iterable[Mapping[str, Any]]) -> str:
    """For spreadsheets."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([no_formula(text) for text in row] for row in _rows(exports))
    return stream.getvalue()


def _rows(exports: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """One row an exception, in the order of time over all nodes."""
    told = [(row["at_ms"], str(one["node"]), row) for one in exports for row in one["exceptions"]]
    for at_ms, node, row in sorted(told, key=lambda each: each[:2]):
        over = " (more than reserved)" if row["over"] else ""
        yield (
            datetime.fromtimestamp(at_ms / SECOND_MS, UTC).strftime("%Y-%m-%d %H:%M:%S"), node, row["key_name"],
            row["reason"], row["asked"], f"{row['provider']}/{row['resolved']}", *_tokens(row), row["price_id"],
            usd(row["charged_nano_usd"]) + over, row["state"], row["outcome"],
        )  # fmt: skip


def _tokens(row: Mapping[str, Any]) -> tuple[str, str, str]:
    if row["state"] == OPEN:
        return "", "", f"≤ {row['worst_tokens']:,}"
    return str(row["prompt"]), str(row["cached"]), str(row["completion"])
