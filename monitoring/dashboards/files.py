"""The dashboards as files: their text, and whether the folder holds just that."""

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


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of files in ``folder`` that differ from what would be written, are missing, or are left over."""
    wanted = rendered()
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path = FOLDER) -> list[str]:
    """Write what differs and remove what is left over; returns the names of what changed."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted, changed = rendered(), stale(folder)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return changed
