"""One panel of a view as one panel of Grafana's core: stat, timeseries, table, state-timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    GridPos,
    MatcherConfig,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from freehold.report.model import Panel, Query
from monitoring.dashboards.looks import UNITS, mapping, thresholds
from monitoring.dashboards.variables import MARK, SOURCE

Picture = stat.Panel | timeseries.Panel | table.Panel | statetimeline.Panel
GAPS = "Where this panel is empty: "
ALERT = "alertname"
"""The label of an alert's name; its runbook has the same."""
ON_GPUS = "Rests on the GPUs' figures: where those are simulated, the title says so."


def picture(panel: Panel, place: GridPos, number: int, runbooks: str) -> Picture:
    """``panel`` at ``place``; ``number`` is its id in the dashboard, ``runbooks`` the address of their folder."""
    made = _KINDS[panel.kind](panel, runbooks)
    made = made.title(f"{panel.title} {MARK}" if panel.gpu else panel.title).description(description(panel))
    made = made.id(number).grid_pos(place).datasource(SOURCE).unit(UNITS[panel.unit]).no_value("no data")
    made = made.mappings(mapping(panel.words)).thresholds(thresholds(panel.steps)).links(list(_links(panel, runbooks)))
    for letter, query in zip(ascii_uppercase, panel.queries, strict=False):
        made = made.with_target(_target(panel, query, letter))
    return made if panel.decimals is None else made.decimals(panel.decimals)


def description(panel: Panel) -> str:
    """What the panel's (i) says."""
    parts = (panel.about, ON_GPUS if panel.gpu else "", GAPS + panel.may_be_empty if panel.may_be_empty else "")
    return "\n\n".join(part for part in parts if part)


def _target(panel: Panel, query: Query, letter: str) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expr).ref_id(letter).datasource(SOURCE)
    if panel.kind == "table":
        return made.instant().format(PromQueryFormat.TABLE)
    made = made.legend_format(query.legend or panel.title).format(PromQueryFormat.TIME_SERIES)
    return made.instant() if panel.kind == "value" else made.range()


def _links(panel: Panel, runbooks: str) -> Iterator[build.DashboardLink]:
    for name in panel.links:
        yield build.DashboardLink(f"Runbook: {name}").url(f"{runbooks}{name}.md").target_blank(target_blank=True)


def _value(panel: Panel, _: str) -> stat.Panel:
    named = any(query.legend for query in panel.queries)
    made = stat.Panel().graph_mode(look.BigValueGraphMode.NONE)
    made = made.text_mode(look.BigValueTextMode.VALUE_AND_NAME if named else look.BigValueTextMode.VALUE)
    made = made.color_mode(look.BigValueColorMode.VALUE if panel.steps else look.BigValueColorMode.NONE)
    return made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))


def _series(*_: object) -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(show_legend=True).placement(look.LegendPlacement.BOTTOM)
    legend = legend.display_mode(look.LegendDisplayMode.LIST).calcs(["lastNotNull"])
    tooltip = common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING)
    made = timeseries.Panel().legend(legend).tooltip(tooltip).line_width(1).fill_opacity(5).axis_soft_min(0)
    # A gap is a time of which nothing is known: no line leads across it.
    made = made.span_nulls(span_nulls=False).show_points(look.VisibilityMode.AUTO)
    return made.color_scheme(build.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))


def _states(*_: object) -> statetimeline.Panel:
    made = statetimeline.Panel().merge_values(merge_values=True).show_value(look.VisibilityMode.AUTO).row_height(0.8)
    made = made.legend(common.VizLegendOptions().show_legend(show_legend=False))
    made = made.tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.SINGLE).sort(look.SortOrder.NONE))
    return made.color_scheme(build.FieldColor().mode(FieldColorModeId.THRESHOLDS))


def _table(panel: Panel, runbooks: str) -> table.Panel:
    made = table.Panel().show_header(show_header=True).cell_height(look.TableCellHeight.SM)
    made = made.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    made = made.with_transformation(DataTransformerConfig(id_val="organize", options=_columns(panel)))
    for query in panel.queries:
        made = made.with_override(MatcherConfig(id_val="byName", options=query.legend), _column(query))
    if any(ALERT in query.expr for query in panel.queries):
        made = made.with_override(MatcherConfig(id_val="byName", options=ALERT), [_to_the_runbook(runbooks)])
    return made


def _to_the_runbook(runbooks: str) -> DynamicConfigValue:
    """An alert's page has its name."""
    link = {"title": "Runbook", "url": f"{runbooks}${{__value.text}}.md", "targetBlank": True}
    return DynamicConfigValue(id_val="links", value=[link])


def _columns(panel: Panel) -> dict[str, object]:
    """Grafana calls the values of several queries ``Value #A`` and so on, of one alone ``Value``."""
    letters = zip(ascii_uppercase, panel.queries, strict=False)
    names = {f"Value #{letter}": query.legend for letter, query in letters}
    names = names if len(panel.queries) > 1 else {"Value": panel.queries[0].legend}
    return {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": names}


def _column(query: Query) -> list[DynamicConfigValue]:
    found = []
    if query.unit is not None:
        found.append(DynamicConfigValue(id_val="unit", value=UNITS[query.unit]))
    if query.words:
        found.append(DynamicConfigValue(id_val="mappings", value=mapping(query.words)))
        found.append(DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}))
    return found


_KINDS: dict[str, Callable[[Panel, str], Picture]] = {
    "value": _value,
    "series": _series,
    "table": _table,
    "states": _states,
}
