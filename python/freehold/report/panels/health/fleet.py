"""The fleet at one look: its nodes, and the alerts that fire."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Unit, Word
from freehold.report.panels.shared import NODE, UP

_MAINTENANCE = (Word(1, "maintenance", "look"), Word(0, "in service", "good"))
_FIRING = 'ALERTS{alertstate="firing", alertname!="FreeholdDeadMansSwitch"}'
"""The dead man's switch always fires; that it does is its health."""

FLEET = Row(
    "Fleet",
    (
        Panel(
            id="health-fleet",
            title="Nodes",
            about="Every declared node. GPUs present are those that answer; services are what is scraped on the node: "
            "gateway, engines, exporters. An empty field means that nothing tells it.",
            kind="table",
            unit=Unit.NUMBER,
            queries=(
                Query(f'max by (node) (up{{job="node", {NODE}}})', "Machine", words=UP),
                Query(
                    f"max by (node) (freehold:maintenance{{{NODE}}}) or max by (node) "
                    f"(freehold:declared_node{{{NODE}}}) * 0",
                    "State",
                    words=_MAINTENANCE,
                ),
                Query(f"count by (node) (freehold_gpu_lost{{{NODE}}} == 0)", "GPUs present"),
                Query(f"max by (node) (freehold:declared_gpus{{{NODE}}})", "GPUs declared"),
                Query(f'min by (node) (up{{job="runtime", {NODE}}})', "Engines", words=UP),
                Query(f"sum by (node) (up{{{NODE}}})", "Services up"),
                Query(f"count by (node) (up{{{NODE}}})", "Services watched"),
                Query(f"max by (node) (DCGM_FI_DEV_GPU_TEMP{{{NODE}}})", "Hottest GPU", unit=Unit.CELSIUS),
                Query(f"max by (node) (freehold:gpu_power_watts{{{NODE}}})", "Power of GPUs", unit=Unit.WATTS),
            ),
            width=24,
            decimals=0,
            gpu=True,
            links=(
                "FreeholdNodeDown",
                "FreeholdMetricsDoorShut",
                "FreeholdGpuMissing",
            ),
        ),
        Panel(
            id="health-alerts",
            title="Alerts that fire",
            about="By name, severity and node, with the time since each began. Critical means that somebody gets up. "
            "Each name has a page in docs/runbooks.",
            kind="table",
            unit=Unit.TIME_AGO,
            queries=(
                Query(
                    "max by (alertname, severity, node) "
                    f"((time() - ALERTS_FOR_STATE) and ignoring (alertstate) {_FIRING})",
                    "Since",
                ),
            ),
            width=24,
            decimals=0,
            may_be_empty="A healthy fleet has no alert.",
        ),
    ),
)
