"""One view as one dashboard: where its panels stand, and what stands around them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import text
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
)
from grafana_foundation_sdk.models.text import TextMode

from freehold.report.model import Panel, Row, View
from monitoring.dashboards.pictures import picture
from monitoring.dashboards.variables import variables

COLUMNS = 24
HEIGHTS = {"value": 4, "series": 8, "table": 8, "states": 9}
"""In Grafana's rows of 30 pixels and 8 between."""
HEAD_HEIGHT = 3

TAG = "freehold"
RUNBOOKS = "docs/runbooks/"
"""Where the runbooks lie in this repository. A site that serves them elsewhere replaces this prefix (role grafana)."""

HEAD = """{about}

Simulated parts: **${{simulated:csv}}** (nothing after the colon: every part is real). Figures that rest on a simulated
part are figures of the simulation."""


def board(view: View) -> Dashboard:
    """The dashboard ``freehold-<view>``, the newest hour, renewed every half minute."""
    made = build.Dashboard(f"Freehold: {view.title}").uid(f"freehold-{view.id}").description(view.about).tags([TAG])
    made = made.time("now-1h", "now").refresh("30s").timezone("browser").tooltip(DashboardCursorSync.CROSSHAIR)
    made = made.timepicker(build.TimePicker().refresh_intervals(["15s", "30s", "1m", "5m", "15m", "1h"]))
    made = made.variables(list(variables())).links([_to_the_others()]).readonly()
    made = made.with_panel(_head(view))
    top = HEAD_HEIGHT
    for row in view.rows:
        made = made.with_row(build.Row(row.title).id(_number(view.id, row.title)).grid_pos(_place(top, 0, COLUMNS, 1)))
        for panel, place in placed(row, top + 1):
            made = made.with_panel(picture(panel, place, _number(panel.id), RUNBOOKS))
            top = place.y + place.h
    return made.build()


def placed(row: Row, top: int) -> Iterator[tuple[Panel, GridPos]]:
    """Each panel of ``row`` with its place, line by line from ``top`` on; panels of a line are equally high."""
    for line in lines(row.panels):
        height, left = max(HEIGHTS[panel.kind] for panel in line), 0
        for panel in line:
            yield panel, _place(top, left, panel.width, height)
            left += panel.width
        top += height


def lines(panels: Iterable[Panel]) -> Iterator[list[Panel]]:
    """The panels in lines of at most 24 columns."""
    line: list[Panel] = []
    for panel in panels:
        if line and sum(one.width for one in line) + panel.width > COLUMNS:
            yield line
            line = []
        line.append(panel)
    if line:
        yield line


def _head(view: View) -> text.Panel:
    made = text.Panel().title("").description("What this dashboard answers, and what of it is simulated.")
    made = made.mode(TextMode.MARKDOWN).content(HEAD.format(about=view.about)).transparent(transparent=True)
    return made.id(_number(view.id, "head")).grid_pos(_place(0, 0, COLUMNS, HEAD_HEIGHT))


def _to_the_others() -> build.DashboardLink:
    link = build.DashboardLink("Freehold").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(as_dropdown=False).keep_time(keep_time=True).include_vars(include_vars=True)


def _place(top: int, left: int, width: int, height: int) -> GridPos:
    return GridPos(h=height, w=width, x=left, y=top)


def _number(*name: str) -> int:
    """The same for a panel whatever is put before it: addresses of single panels hold their number."""
    return zlib.crc32("/".join(name).encode()) & 0x7FFFFFFF
