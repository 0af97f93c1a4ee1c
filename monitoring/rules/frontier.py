"""What left by exception, against its caps.

Every gateway shows its own ledger's sums; the fleet's are the authority's, which alone shows leases that it lent.
"""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Recording, Subject
from monitoring.rules.events import events_kept

AUTHORITY = "and on (node) freehold_gateway_leases_outstanding"


def _of_authority(name: str, metric: str, about: str, *labels: str) -> Recording:
    by = f" by ({', '.join(labels)})" if labels else ""
    return Recording(f"freehold:{name}", labels, about, f"max{by} ({metric} {AUTHORITY})")


RECORDED = (
    _of_authority(
        "frontier_token_share:ratio", "freehold_frontier_share", "Part of the window's tokens that left, in the fleet."
    ),
    _of_authority("frontier_share_cap:ratio", "freehold_frontier_share_cap", "The most of it."),
    _of_authority(
        "frontier_spent_usd", "freehold_frontier_spent_usd", "Money of this UTC day and month, in the fleet.", "period"
    ),
    _of_authority("frontier_cap_usd", "freehold_frontier_cap_usd", "The most of it.", "period"),
)

SHARE = "freehold:frontier_token_share:ratio / on () freehold:frontier_share_cap:ratio"
MONEY = "freehold:frontier_spent_usd / on (period) freehold:frontier_cap_usd"

IN_DOUBT = events_kept('freehold_frontier_requests_total{outcome=~"in doubt.*"}', "1h", "gateway")
RESERVED = events_kept("freehold_frontier_reserved_tokens_total", "[[window]]", "gateway")

ALERTS = (
    Alert(
        "FreeholdFrontierShareNear",
        "warning",
        config.THREE_ROUNDS,
        f"{SHARE} > [[ratio]]",
        "The frontier's share of all tokens is near its cap",
        "Found: {{ $value | humanizePercentage }} of the cap for [[hold]]. Expected: at most [[ratio]] of it.",
        {"ratio": config.NEAR_CAP},
        per_node=False,
    ),
    Alert(
        "FreeholdFrontierShareOver",
        "critical",
        config.FOUR_SCRAPES,
        f"{SHARE} > [[ratio]]",
        "The frontier's share of all tokens is over its cap",
        """Found: {{ $value | humanizePercentage }} of the cap. Expected: at most [[ratio]] of it. The valve
        refuses what
        would pass it, so the share of local tokens fell, or the cap was lowered.""",
        {"ratio": config.OVER_CAP},
        per_node=False,
    ),
    Alert(
        "FreeholdFrontierMoneyNear",
        "warning",
        config.THREE_ROUNDS,
        f"{MONEY} > [[ratio]]",
        "The frontier's money of this {{ $labels.period }} is nearly spent",
        "Found: {{ $value | humanizePercentage }} of the cap for [[hold]]. Expected: at most [[ratio]] of it.",
        {"ratio": config.NEAR_CAP},
        per_node=False,
    ),
    Alert(
        "FreeholdFrontierMoneyOver",
        "critical",
        config.FOUR_SCRAPES,
        f"{MONEY} > [[ratio]]",
        "More money than the cap of this {{ $labels.period }} went to the frontier",
        """Found: {{ $value | humanizePercentage }} of the cap. Expected: at most [[ratio]] of it: reservations are made
        before anything leaves.""",
        {"ratio": config.OVER_CAP},
        per_node=False,
    ),
    Alert(
        "FreeholdFrontierBreakerOpen",
        "info",
        config.A_WHILE,
        'max by (node, provider) (freehold_frontier_breaker{state="open"}) == 1',
        "{{ $labels.provider }} is dark to {{ $labels.node }}",
        "Found: its breaker is open for [[hold]]. Expected: closed. Local answers do not depend on it.",
    ),
    Alert(
        "FreeholdFrontierInDoubt",
        "warning",
        config.AT_ONCE,
        f"sum by (node, provider, outcome) {IN_DOUBT} > [[requests]]",
        "{{ $labels.provider }}: it is not known what a request cost",
        """Found: {{ $value | humanize }} requests of {{ $labels.node }} that ended "{{ $labels.outcome }}"
        within an hour.
        Expected: [[requests]]. All that was reserved for them counts as spent.""",
        {"requests": config.IN_DOUBT},
    ),
    Alert(
        "FreeholdFrontierReservationsOpen",
        "warning",
        config.FOUR_SCRAPES,
        f"max by (node) (freehold_frontier_open_reservations) > 0\n  unless on (node) (sum by (node) {RESERVED} > 0)",
        "{{ $labels.node }}: reservations that nobody settles",
        """Found: {{ $value }} open, and none was made within [[window]]. Expected: 0: they hold back money and
        tokens.""",
        {"window": config.OPEN_WINDOW},
    ),
)

SUBJECT = Subject("frontier", "What leaves by exception.", RECORDED, ALERTS)
