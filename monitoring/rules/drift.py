"""Drift: what differs on a node from what its last converge left."""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Subject

ALERTS = (
    Alert(
        "FreeholdDrift",
        "warning",
        config.THREE_ROUNDS,
        "sum by (node, kind) (freehold_drift_items) > [[items]]",
        "{{ $labels.node }}: changed by hand: {{ $labels.kind }}",
        "Found: {{ $value }} of kind {{ $labels.kind }} differ for [[hold]]. Expected: [[items]].",
        {"items": config.DRIFT_ITEMS},
    ),
    Alert(
        "FreeholdDriftBaselineLost",
        "warning",
        config.THREE_ROUNDS,
        "max by (node) (freehold_drift_baseline) == 0",
        "{{ $labels.node }}: nobody knows what its last converge left",
        "Found: for [[hold]] the baseline cannot be read. Expected: what the last converge left.",
    ),
    Alert(
        "FreeholdDriftProbeStale",
        "warning",
        config.A_WHILE,
        """
        time() - max by (node) (freehold_drift_checked_timestamp_seconds) > [[seconds]]
          or on (node)
        (freehold:declared_node == 1) unless on (node) freehold_drift_checked_timestamp_seconds
        """,
        "{{ $labels.node }}: drift is not looked at",
        """Found: no look within [[seconds]] s (its value: {{ $value }}, seconds since the last one; 1 where there is
        none). Expected: one every five minutes.""",
        {"seconds": config.DRIFT_STALE},
    ),
    Alert(
        "FreeholdConvergeUnfinished",
        "warning",
        config.AN_HOUR,
        "max by (node) (freehold_drift_unfinished) == 1",
        "{{ $labels.node }}: a converge was begun and not ended",
        "Found: the mark of an unfinished converge for [[hold]]. Expected: none: a converge takes minutes.",
    ),
)

SUBJECT = Subject("drift", "What somebody changed by hand.", (), ALERTS)
