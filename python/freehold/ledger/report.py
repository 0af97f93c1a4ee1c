"""``freehold usage``: who used what. Each node exports its totals; here they become one table, CSV or JSON.

All functions are pure but :func:`export`, which reads a ledger. Costs are exact: nano-USD as integers, shown as USD.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table

from freehold.errors import FreeholdError, RefusedError, UsageError, raise_all
from freehold.ledger import exceptions
from freehold.ledger.periods import DAY_MS, day_text
from freehold.ledger.store import Store

SCHEMA = 1
GROUPS = ("day", "key", "model", "route", "node")
COUNTS = ("requests", "prompt_tokens", "cached_tokens", "completion_tokens", "nano_usd")
NANO = 9
_EXPORT = """
SELECT day, key_id, key_name, model, route, requests, prompt, cached, completion, nano_usd FROM totals
WHERE day BETWEEN ? AND ? ORDER BY day, key_id, model, route
"""
_EXPORTED = ("day", "key_id", "key", "model", "route", *COUNTS)


@dataclass(frozen=True, slots=True)
class Line:
    """The requests of one place: what each of ``by`` is there, and the counts. ``counts`` is in the order of COUNTS."""

    place: tuple[str, ...]
    key_id: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What the nodes said together. ``lost_rows`` could not be written and are in no count."""

    by: tuple[str, ...]
    lines: tuple[Line, ...]
    total: tuple[int, ...]
    nodes: tuple[str, ...]
    lost_rows: int


def export(store: Store, node: str, first_day: int, last_day: int) -> dict[str, Any]:
    """What ``node`` tells of its days from ``first_day`` to ``last_day`` (both included, days since the epoch)."""
    first_ms, end_ms = first_day * DAY_MS, (last_day + 1) * DAY_MS
    with store.reading() as connection:
        rows = connection.execute(_EXPORT, (first_day, last_day)).fetchall()
        away = exceptions.select(connection, "node = '' AND at_ms >= ? AND at_ms < ? ORDER BY at_ms", first_ms, end_ms)
        lost = connection.execute(
            "SELECT coalesce(sum(rows), 0) FROM losses WHERE at_ms >= ? AND at_ms < ?", (first_ms, end_ms)
        ).fetchone()[0]
    return {
        "schema": SCHEMA,
        "node": node,
        "ledger": store.id,
        "first_day": first_day,
        "last_day": last_day,
        "rows": [dict(zip(_EXPORTED, row, strict=True)) for row in rows],
        "exceptions": [row.as_json() for row in away],
        "lost_rows": lost,
    }


def report(exports: Iterable[Mapping[str, Any]], by: Sequence[str] = ("key", "model")) -> Report:
    """Add up what the nodes exported, for each value of ``by`` (of :data:`GROUPS`). Raises all errors together."""
    told = list(exports)
    _check(told, by)
    sums: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(lambda: [0] * len(COUNTS))
    for one in told:
        for row in one["rows"]:
            place = tuple(_value(row, one["node"], group) for group in by)
            line = sums[place, row["key_id"] if "key" in by else ""]
            for index, name in enumerate(COUNTS):
                line[index] += row[name]
    lines = tuple(Line(place, key_id, tuple(counts)) for (place, key_id), counts in sorted(sums.items()))
    total = tuple(sum(line.counts[index] for line in lines) for index in range(len(COUNTS)))
    return Report(
        tuple(by), lines, total, tuple(sorted(one["node"] for one in told)), sum(one["lost_rows"] for one in told)
    )


def as_table(found: Report) -> Table:
    """For people."""
    caption = f"{found.lost_rows} requests could not be written down and are in no count" if found.lost_rows else None
    table = Table(
        title=f"Usage on {', '.join(found.nodes)}", title_justify="left", title_style="bold", header_style="dim",
        box=box.SIMPLE_HEAD, show_footer=True, caption=caption, caption_style="yellow", caption_justify="left",
    )  # fmt: skip
    for index, group in enumerate(found.by):
        table.add_column(group, footer="" if index else "together", no_wrap=True)
    for name, total in zip(COUNTS, found.total, strict=True):
        heading = "USD" if name == "nano_usd" else name.replace("_", " ")
        table.add_column(heading, justify="right", footer=_shown(name, total))
    for line in found.lines:
        table.add_row(*line.place, *(_shown(name, count) for name, count in zip(COUNTS, line.counts, strict=True)))
    return table


def as_csv(found: Report) -> str:
    """For spreadsheets: plain numbers, money exact in nano-USD and in USD."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*found.by, "key_id", *COUNTS, "usd"])
    for line in found.lines:
        writer.writerow([*map(no_formula, line.place), line.key_id, *line.counts, usd(line.counts[-1])])
    return stream.getvalue()


def as_json(found: Report) -> str:
    """For programs; ``nano_usd`` is exact."""
    lines = [
        {
            **dict(zip(found.by, line.place, strict=True)),
            **({"key_id": line.key_id} if "key" in found.by else {}),
            **dict(zip(COUNTS, line.counts, strict=True)),
        }
        for line in found.lines
    ]
    whole = {"nodes": found.nodes, "by": found.by, "lost_rows": found.lost_rows, "lines": lines}
    return json.dumps({**whole, "total": dict(zip(COUNTS, found.total, strict=True))}, indent=2)


def usd(nano_usd: int) -> str:
    """``1.25`` for 1,250,000,000 nano-USD: exact, at least two decimals."""
    whole, rest = divmod(nano_usd, 10**NANO)
    decimals = f"{rest:0{NANO}d}".rstrip("0")
    return f"{whole}.{decimals:0<2}"


def _shown(name: str, count: int) -> str:
    return usd(count) if name == "nano_usd" else f"{count:,}"


def _value(row: Mapping[str, Any], node: str, group: str) -> str:
    if group == "day":
        return day_text(row["day"])
    return node if group == "node" else str(row[group])


def no_formula(text: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _check(told: Sequence[Mapping[str, Any]], by: Sequence[str]) -> None:
    errors: list[FreeholdError] = [
        UsageError(
            "USAGE_UNKNOWN_GROUP", group, "no such grouping", f"one of {', '.join(GROUPS)}", fix="name one of these"
        )
        for group in by
        if group not in GROUPS
    ]
    seen: set[str] = set()
    for one in told:
        errors += _wrong(one, seen)
        seen.add(one["ledger"])
    raise_all(errors)


def _wrong(one: Mapping[str, Any], seen: set[str]) -> list[FreeholdError]:
    if one["schema"] != SCHEMA:
        return [RefusedError("USAGE_SCHEMA", one["node"], f"export of schema {one['schema']}", f"schema {SCHEMA}",
                             fix="bring this host and the node to one version")]  # fmt: skip
    if one["ledger"] in seen:
        return [RefusedError("USAGE_TWICE", one["node"], f"ledger {one['ledger']} for the second time", "each once",
                             why="its requests would count twice", fix="leave one of them out")]  # fmt: skip
    return []
