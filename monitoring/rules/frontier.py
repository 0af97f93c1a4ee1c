"""What left by exception, against its caps.

Every gateway shows its own ledger's sums; the fleet's are the authority's, which alone shows leases that it lent.
"""

from __future__ import annotations

from monitoring.model import Recording, Subject

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

SUBJECT = Subject("frontier", "What leaves by exception.", RECORDED)
