"""Names of series by their labels, and addresses of runbooks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from freehold.report.answers import Failure
from freehold.report.chart import Line
from freehold.report.gather import Shown
from freehold.report.model import Query

PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
LONGEST = 80
RUNBOOKS = "docs/runbooks/"


def named(query: Query, labels: Mapping[str, str], otherwise: str) -> str:
    """The name of an answer: its query's legend filled in, else its labels, else ``otherwise``."""
    said = PLACE.sub(lambda found: labels.get(found[1], ""), query.legend).strip()
    rest = ", ".join(value for name, value in sorted(labels.items()) if name != "__name__")
    return shortened(" ".join(said.split()) or rest or otherwise)


def shortened(name: str) -> str:
    """A name that fits in a legend."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def lines(shown: Shown) -> list[Line]:
    """All courses of a panel, by the order of its queries, then by name."""
    return [
        line
        for group, (query, answer) in enumerate(_answered(shown))
        for line in _of_query(query, answer, group, shown)
    ]


def _answered(shown: Shown) -> Iterator[tuple[Query, object]]:
    return zip(shown.panel.queries, shown.over, strict=False)


def _of_query(query: Query, answer: object, group: int, shown: Shown) -> list[Line]:
    if isinstance(answer, Failure) or not isinstance(answer, tuple):
        return []
    title = shown.panel.title
    found = [
        Line(named(query, track.labels, title), track, track.labels.get("currency", ""), group) for track in answer
    ]
    return sorted((line for line in found if line.track.known), key=lambda line: in_order(line.name))


def in_order(name: str) -> list[tuple[int, str]]:
    """Names as people sort them: gpu2 before gpu10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def address(said: str, runbooks: str) -> str:
    """Where a runbook is, if it has an address at all. ``runbooks`` stands for the folder ``docs/runbooks/``."""
    full = runbooks.rstrip("/") + "/" + said.removeprefix(RUNBOOKS) if said.startswith(RUNBOOKS) and runbooks else said
    try:
        parts = urlsplit(full)
    except ValueError:
        return ""
    return full if parts.scheme in {"https", "http"} and parts.netloc else ""
