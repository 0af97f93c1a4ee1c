"""Who watches the watchers: whether what is seen here is all that there is to see."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Unit
from freehold.report.panels.shared import NODE, UP

_OWN = "prometheus|alertmanager|blackbox_exporter|dead_mans_switch|victoria_metrics"

MONITORING = Row(
    "Monitoring itself",
    (
        Panel(
            id="health-targets",
            title="Scraped targets",
            about="Whether the last scrape of each target came through, over time.",
            kind="states",
            unit=Unit.STATE,
            queries=(Query(f"min by (job, node) (up{{{NODE}}})", "{{node}} {{job}}"),),
            words=UP,
            width=24,
            links=(
                "FreeholdTargetDown",
                "FreeholdTargetEmpty",
            ),
        ),
        Panel(
            id="health-monitors",
            title="Programs of the monitor",
            about="Prometheus, Alertmanager, the prober, the dead man's switch, and the long store where it is on.",
            kind="table",
            unit=Unit.STATE,
            queries=(Query(f'min by (job, node) (up{{job=~"{_OWN}"}})', "State", words=UP),),
            words=UP,
            links=(
                "FreeholdAlertmanagerDown",
                "FreeholdDeadMansSwitchSilent",
            ),
        ),
        Panel(
            id="health-scrape-seconds",
            title="Time that a scrape takes",
            about="The slowest of each job.",
            kind="series",
            unit=Unit.SECONDS,
            queries=(Query(f"max by (job) (scrape_duration_seconds{{{NODE}}})", "{{job}}"),),
            decimals=3,
            links=("FreeholdTargetSlow",),
        ),
        Panel(
            id="health-rule-failures",
            title="Rules that could not be computed",
            about="Failed evaluations of recording rules and alerts. A rule that fails leaves a gap, or an alert "
            "unsaid.",
            kind="series",
            unit=Unit.PER_SECOND,
            queries=(
                Query("sum by (rule_group) (rate(prometheus_rule_evaluation_failures_total[5m]))", "{{rule_group}}"),
            ),
            may_be_zero="Rules that are right do not fail.",
            links=("FreeholdRuleFailing",),
        ),
        Panel(
            id="health-notifications",
            title="Hand-over to Alertmanager",
            about="Alertmanagers that Prometheus knows, and alerts of an hour that none of them took.",
            kind="series",
            unit=Unit.NUMBER,
            queries=(
                Query("min(prometheus_notifications_alertmanagers_discovered)", "known"),
                Query("sum(increase(prometheus_notifications_dropped_total[1h]))", "dropped"),
            ),
            decimals=0,
            links=("FreeholdNotificationsDropped",),
        ),
        Panel(
            id="health-tsdb-size",
            title="Prometheus' store",
            about="Blocks on the disk; the oldest go when the size that the settings allow is reached.",
            kind="series",
            unit=Unit.BYTES,
            queries=(Query("sum(prometheus_tsdb_storage_blocks_bytes)", "blocks"),),
            may_be_zero="The first block is written two hours after the first start.",
            links=(
                "FreeholdHistoryCutBySize",
                "FreeholdPrometheusStorageFailing",
            ),
        ),
        Panel(
            id="health-tsdb-series",
            title="Series in memory",
            about="How many series Prometheus follows now.",
            kind="series",
            unit=Unit.NUMBER,
            queries=(Query("sum(prometheus_tsdb_head_series)", "series"),),
            decimals=0,
        ),
    ),
)
