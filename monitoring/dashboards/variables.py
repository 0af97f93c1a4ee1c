"""What one chooses at the top of a dashboard, and what its texts are filled with."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

UID = "freehold"
"""Of the data source that the role ``grafana`` provides."""

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
ALL = VariableOption(selected=True, text="All", value="$__all")
MARK = "$mark"
"""``(simulated)`` after the title of panels that rest on GPUs, where those are; else nothing."""


def variables() -> Iterator[build.QueryVariable | build.DatasourceVariable]:
    """Data source, node and model; hidden, the parts that are simulated."""
    current = VariableOption(selected=True, text=UID, value=UID)
    yield build.DatasourceVariable("datasource").label("Prometheus").type("prometheus").current(current)
    yield _choice("node", "Node", 'label_values(up{job="node"}, node)')
    yield _choice("model", "Model", "label_values(freehold_gateway_open_requests, model)")
    yield _hidden("simulated", "label_values(freehold_simulated, part)").include_all(include_all=True).current(ALL)
    marked = 'label_replace(max(freehold_simulated{part="gpu"}) == 1, "mark", "(simulated)", "", "")'
    yield _hidden("mark", f"query_result({marked})").regex('/mark="([^"]*)"/')


def _choice(name: str, label: str, query: str) -> build.QueryVariable:
    variable = _asked(name, query).label(label).multi(multi=True).include_all(include_all=True)
    return variable.all_value(".*").current(ALL)


def _hidden(name: str, query: str) -> build.QueryVariable:
    return _asked(name, query).hide(VariableHide.HIDE_VARIABLE)


def _asked(name: str, query: str) -> build.QueryVariable:
    document: dict[str, object] = {"query": query, "refId": f"variable-{name}"}
    variable = build.QueryVariable(name).datasource(SOURCE).query(document)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
