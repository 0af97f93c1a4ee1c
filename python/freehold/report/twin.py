"""The same data as the page, as JSON: all series, all points, nothing left out, nothing rounded."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from freehold.report import verdict
from freehold.report.answers import Alert, Failure, Sample, Track
from freehold.report.gather import Gathered, Shown
from freehold.report.model import Query
from freehold.report.page import Look
from freehold.report.span import Span

SCHEMA = 1


def document(gathered: Gathered, look: Look) -> dict[str, Any]:
    """One JSON object. Values are in base units; null is not known; ``"Infinity"`` and its like are texts."""
    head, request = gathered.head, gathered.request
    return {
        "schema": SCHEMA,
        "fleet": look.fleet,
        "asked_at": _when(gathered.at),
        "data_at": _when(head.newest) if head.newest is not None else None,
        "data": gathered.data,
        "trouble": head.trouble,
        "range": request.range.id,
        "node": request.node,
        "nodes": list(head.names),
        "simulated": list(head.simulated),
        "verdict": {tile.id: _without_title(tile) for tile in verdict.tiles(head, gathered.at)},
        "alerts": None if head.alerts is None else [_alert(alert) for alert in head.firing],
        "views": [
            {
                "id": view.id,
                "title": view.title,
                "rows": [
                    {"title": row.title, "panels": [_panel(gathered.shown[panel.id], gathered) for panel in row.panels]}
                    for row in view.rows
                ],
            }
            for view in request.views
        ],
    }


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _without_title(tile: verdict.Tile) -> dict[str, str]:
    return {"state": tile.state, "word": tile.word, "reason": tile.reason}


def _alert(alert: Alert) -> dict[str, Any]:
    return {"labels": dict(alert.labels), "annotations": dict(alert.annotations), "since": alert.since}


def _panel(shown: Shown, gathered: Gathered) -> dict[str, Any]:
    asked = shown.panel
    return {
        "id": asked.id,
        "title": asked.title,
        "about": asked.about,
        "kind": asked.kind,
        "unit": asked.unit.value,
        "simulated": asked.gpu and "gpu" in gathered.head.simulated,
        "may_be_zero": asked.may_be_zero,
        "may_be_empty": asked.may_be_empty,
        "words": [asdict(word) for word in asked.words],
        "queries": [_query(query, index, shown, gathered) for index, query in enumerate(asked.queries)],
    }


def _query(query: Query, index: int, shown: Shown, gathered: Gathered) -> dict[str, Any]:
    answer: dict[str, Any] = {"expr": gathered.request.filled(query.expr), "legend": query.legend}
    if index < len(shown.now):
        now = shown.now[index]
        answer["now"] = {"failure": asdict(now)} if isinstance(now, Failure) else [_sample(one) for one in now]
    if shown.panel.kind in {"series", "states"} and index < len(shown.over):
        over = shown.over[index]
        answer["over"] = {"failure": asdict(over)} if isinstance(over, Failure) else _tracks(over, gathered.span)
    return answer


def _sample(sample: Sample) -> dict[str, Any]:
    return {"labels": dict(sample.labels), "value": _number(sample.value)}


def _tracks(tracks: tuple[Track, ...], span: Span) -> dict[str, Any]:
    series = [{"labels": dict(track.labels), "points": list(track.points)} for track in tracks]
    return {"start": span.start, "step": span.step, "series": series}


def _number(value: float) -> float | str | None:
    """JSON has no NaN and no infinity."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
