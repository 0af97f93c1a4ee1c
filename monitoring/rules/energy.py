"""Joules a token: the GPUs' energy counters against the engines' token counters, node by node.

Both sides are sums of the same moments, so that a hole in one of them, a restart of the monitor or a new node bends no
figure: tokens count only where the energy of their node is known. What a node draws beside its GPUs is not in it.
"""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Recording, Subject


def _fleet(window: str) -> Recording:
    return Recording(
        f"freehold:joules_per_token:ratio{window}",
        (),
        f"Energy of the fleet's GPUs for a token, prompt and completion alike, over {window}; absent without tokens.",
        f"""
        sum(sum_over_time(freehold:gpu_power_watts[{window}]))
          / (sum(sum_over_time(freehold:node_tokens:rate2m[{window}])) > 0)
        """,
    )


RECORDED = (
    Recording(
        "freehold:node_tokens:rate2m",
        ("node",),
        "Tokens a second of both directions, where the energy of the node is known.",
        """
        (sum by (node) (freehold:prompt_tokens:rate2m) + sum by (node) (freehold:completion_tokens:rate2m))
          and on (node) freehold:gpu_power_watts
        """,
    ),
    Recording(
        "freehold:node_joules_per_token:ratio5m",
        ("node",),
        "Energy of a node's GPUs for a token, over 5 minutes; absent without tokens.",
        "sum_over_time(freehold:gpu_power_watts[5m]) / (sum_over_time(freehold:node_tokens:rate2m[5m]) > 0)",
    ),
    _fleet("5m"),
    _fleet("1h"),
)

ALERTS = (
    Alert(
        "FreeholdJoulesPerTokenDoubled",
        "warning",
        config.AN_HOUR,
        """
        freehold:joules_per_token:ratio1h / (freehold:joules_per_token:ratio1h offset 1d) > [[times]]
          and
        sum(avg_over_time(freehold:node_tokens:rate2m[1h]))
          > [[load]] * sum(avg_over_time(freehold:node_tokens:rate2m[1h] offset 1d))
        """,
        "A token takes more energy than yesterday",
        """Found: {{ $value | humanize }} times the joules a token of this hour yesterday, for [[hold]], under
        a like load
        (more than [[load]] of yesterday's tokens). Expected: at most [[times]] times.""",
        {"times": config.JOULES_TIMES, "load": config.LIKE_LOAD},
        per_node=False,
    ),
    Alert(
        "FreeholdIdleGpusDrawMuch",
        "info",
        config.LASTING,
        """
        freehold:gpu_power_watts
          > on () group_left () max(freehold:price_node_idle_watts)
          and on (node) max_over_time(freehold:gpu_utilisation:ratio[30m]) < [[ratio]]
        """,
        "{{ $labels.node }}: idle GPUs draw much",
        """Found: {{ $value | humanize }} W drawn by GPUs that were busy for less than [[ratio]] of the time,
        for [[hold]].
        Expected: at most what the settings give for the whole idle node.""",
        {"ratio": config.IDLE_RATIO},
    ),
)

SUBJECT = Subject("energy", "What a token takes.", RECORDED, ALERTS)
