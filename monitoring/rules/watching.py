"""Monitoring itself: does it see, does it remember, does it reach somebody.

``FreeholdDeadMansSwitch`` fires as long as all is well, and only while Prometheus takes in fresh figures: with a full
disk it would evaluate rules for ever over nothing. Its silence reaches the operator by another way.
"""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Subject

SEEING = (
    Alert(
        "FreeholdTargetDown",
        "warning",
        config.A_WHILE,
        """
        max by (node, job, instance) (
          up{job=~"prometheus|alertmanager|blackbox_exporter|dead_mans_switch|victoria_metrics"}
        ) == 0
        or
        max by (node, job, instance) (up{job="blackbox"}) == 0
          unless on () max(up{job="blackbox_exporter"}) == 0
        """,
        "{{ $labels.node }}: {{ $labels.job }} ({{ $labels.instance }}) does not answer Prometheus",
        "Found: no page, a page that cannot be read, or none in time, for [[hold]]. Expected: its page.",
    ),
    Alert(
        "FreeholdTargetEmpty",
        "warning",
        config.A_WHILE,
        """
        max by (node, job, instance) (scrape_samples_scraped) == 0
          and on (node, job, instance) max by (node, job, instance) (up) == 1
        """,
        "{{ $labels.node }}: {{ $labels.job }} ({{ $labels.instance }}) answers with an empty page",
        "Found: a page without a single figure for [[hold]]. Expected: figures.",
    ),
    Alert(
        "FreeholdTargetSlow",
        "warning",
        config.A_WHILE,
        "max by (node, job, instance) (scrape_duration_seconds) > [[seconds]]",
        "{{ $labels.node }}: {{ $labels.job }} ({{ $labels.instance }}) answers slowly",
        "Found: {{ $value | humanize }} s a scrape for [[hold]]. Expected: at most [[seconds]] s.",
        {"seconds": config.SLOW_SCRAPE},
    ),
    Alert(
        "FreeholdSiteConstantsMissing",
        "warning",
        config.A_WHILE,
        "absent(freehold:declared_node)",
        "Prometheus does not know which nodes there are",
        """Found: no freehold:declared_node for [[hold]]. Expected: one for each node. Without it nobody is
        told of a node
        that vanished, and nothing has a price.""",
        per_node=False,
    ),
)

REMEMBERING = (
    Alert(
        "FreeholdRuleFailing",
        "critical",
        config.A_WHILE,
        "sum by (node, rule_group) (increase(prometheus_rule_evaluation_failures_total[5m])) > [[failures]]",
        "{{ $labels.node }}: a rule of {{ $labels.rule_group }} cannot be computed",
        "Found: {{ $value | humanize }} failures in 5 minutes, for [[hold]]. Expected: [[failures]].",
        {"failures": config.RULE_FAILURES},
    ),
    Alert(
        "FreeholdPrometheusStorageFailing",
        "critical",
        config.AT_ONCE,
        """
        sum by (node) (
          increase(prometheus_tsdb_wal_writes_failed_total[15m])
            + increase(prometheus_tsdb_wal_corruptions_total[15m])
            + increase(prometheus_tsdb_compactions_failed_total[15m])
            + increase(prometheus_tsdb_head_truncations_failed_total[15m])
            + increase(prometheus_tsdb_reloads_failures_total[15m])
        ) > [[failures]]
        """,
        "{{ $labels.node }}: Prometheus cannot write down what it sees",
        "Found: {{ $value | humanize }} failures of its storage in 15 minutes. Expected: [[failures]].",
        {"failures": config.STORAGE_FAILURES},
    ),
    Alert(
        "FreeholdHistoryCutBySize",
        "info",
        config.AN_HOUR,
        """
        max by (node) (prometheus_tsdb_storage_blocks_bytes)
          / max by (node) (prometheus_tsdb_retention_limit_bytes > 0) > [[ratio]]
        """,
        "{{ $labels.node }}: history is shorter than asked for",
        """Found: {{ $value | humanizePercentage }} of the size that history may take, for [[hold]]. Expected: at most
        [[ratio]] of it: from there on the oldest goes before its time.""",
        {"ratio": config.HISTORY_FULL},
    ),
    Alert(
        "FreeholdRemoteWriteBehind",
        "warning",
        config.A_WHILE,
        """
        max by (node) (prometheus_remote_storage_highest_timestamp_in_seconds)
          - on (node) group_right () max by (node, remote_name) (
            prometheus_remote_storage_queue_highest_sent_timestamp_seconds
          ) > [[seconds]]
        or
        max by (node, remote_name) (prometheus_remote_storage_shards > 0)
          unless on (node, remote_name) prometheus_remote_storage_queue_highest_sent_timestamp_seconds
        """,
        "{{ $labels.node }}: the long-term storage does not keep up",
        """Found: {{ $value | humanize }} s behind, or nothing taken since the start, for [[hold]]. Expected: at most
        [[seconds]] s.""",
        {"seconds": config.BEHIND_SECONDS},
    ),
    Alert(
        "FreeholdConfigurationRefused",
        "warning",
        config.FOUR_SCRAPES,
        """
        min by (node, job) (
          prometheus_config_last_reload_successful
          or alertmanager_config_last_reload_successful
          or blackbox_exporter_config_last_reload_successful
        ) == 0
        """,
        "{{ $labels.node }}: {{ $labels.job }} works with old settings",
        "Found: it refused its newest settings. Expected: taken.",
    ),
)

REACHING = (
    Alert(
        "FreeholdAlertmanagerDown",
        "critical",
        config.BRIEF,
        'absent(up{job="alertmanager"} == 1)',
        "No Alertmanager answers",
        "Found: none for [[hold]]. Expected: one. Alerts are seen by nobody; the dead man's switch tells of it.",
        per_node=False,
    ),
    Alert(
        "FreeholdNotificationsDropped",
        "critical",
        config.A_WHILE,
        """
        sum by (node) (increase(prometheus_notifications_dropped_total[5m])) > [[dropped]]
        or
        max by (node) (prometheus_notifications_alertmanagers_discovered) < 1
        """,
        "{{ $labels.node }}: Prometheus gets rid of no alerts",
        """Found: alerts dropped, or no Alertmanager known ({{ $value | humanize }}), for [[hold]]. Expected:
        [[dropped]].""",
        {"dropped": config.DROPPED},
    ),
    Alert(
        "FreeholdNotificationsFailing",
        "critical",
        config.A_WHILE,
        # Beats are web hooks too. Those that a switch could not take, before it was there or while it was away, stay in
        # the window after it is back: only with a switch that was up throughout are they lost messages.
        """
        sum by (node, integration) (increase(alertmanager_notifications_failed_total[15m])) > [[failed]]
          unless on (integration)
            label_replace(
              (count_over_time((max(up{job="dead_mans_switch"}) == 1)[15m:1m]) or vector(0)) < 15,
              "integration", "webhook", "", ""
            )
        """,
        "{{ $labels.node }}: the operator does not get its messages by {{ $labels.integration }}",
        "Found: {{ $value | humanize }} refused or lost in 15 minutes. Expected: [[failed]].",
        {"failed": config.FAILED_MESSAGES},
    ),
    Alert(
        "FreeholdDeadMansSwitchSilent",
        "warning",
        config.FOUR_SCRAPES,
        "max by (node, monitor) (freehold_dead_mans_switch_silent) == 1",
        "{{ $labels.node }}: the dead man's switch does not hear {{ $labels.monitor }}",
        "Found: no beat of {{ $labels.monitor }} while Prometheus sees this. Expected: a beat a minute.",
    ),
    Alert(
        "FreeholdDeadMansSwitchShut",
        "warning",
        config.A_WHILE,
        "max by (node, path) (freehold_dead_mans_switch_notifications_waiting) > [[waiting]]",
        "{{ $labels.node }}: the dead man's switch cannot reach anybody by {{ $labels.path }}",
        "Found: {{ $value }} messages not taken for [[hold]]. Expected: [[waiting]].",
        {"waiting": config.SWITCH_WAITING},
    ),
    Alert(
        "FreeholdDeadMansSwitch",
        "none",
        config.AT_ONCE,
        'max(up{job="prometheus"}) == 1',
        "All is well: this alert always fires",
        """Found: Prometheus takes in figures. Expected: always. When it ends, the dead man's switch tells the operator
        that monitoring is dead.""",
        per_node=False,
    ),
)

SUBJECT = Subject("watching", "Monitoring itself.", (), (*SEEING, *REMEMBERING, *REACHING))
