"""The dashboards as files."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from freehold.report.model import View
from freehold.report.panels import VIEWS
from monitoring.dashboards.board import board

FOLDER = Path(__file__).parents[1] / "rendered" / "dashboards"


def rendered() -> dict[str, str]:
    """File name → text, for every view."""
    return {f"{view.id}.json": _text(view) for view in VIEWS}


def _text(view: View) -> str:
    document = board(view).to_json()
    del document["style"]  # the builder's "dark" would be forced on readers whose theme is light
    return json.dumps(document, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
