"""What left for the frontier and what it cost, against the caps, for the view of the cost."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Unit
from freehold.report.panels.shared import NO_FRONTIER

_QUIET = "Nothing has left: all tokens were served locally."

FRONTIER = Row(
    "Frontier, by exception",
    (
        Panel(
            id="cost-frontier-share",
            title="Share of tokens that left",
            about="Tokens answered by a frontier provider by all tokens of the share's window, as the authority's "
            "ledger counts them, reservations included; and the most that may.",
            kind="series",
            unit=Unit.RATIO,
            queries=(
                Query("freehold:frontier_token_share:ratio", "share"),
                Query("max(freehold_frontier_share_cap)", "cap"),
            ),
            decimals=2,
            may_be_empty=NO_FRONTIER,
            links=(
                "FreeholdFrontierShareNear",
                "FreeholdFrontierShareOver",
            ),
        ),
        Panel(
            id="cost-frontier-spend",
            title="Frontier spend, USD",
            about="Money of this UTC day and month by the authority's ledger, reservations included, and the most "
            "that may be spent. Prices are those of the compiled list, in USD.",
            kind="series",
            unit=Unit.MONEY,
            queries=(
                Query("freehold:frontier_spent_usd", "spent, {{period}}"),
                Query("freehold:frontier_cap_usd", "cap, {{period}}"),
            ),
            decimals=4,
            may_be_empty=NO_FRONTIER,
            links=(
                "FreeholdFrontierMoneyNear",
                "FreeholdFrontierMoneyOver",
            ),
        ),
        Panel(
            id="cost-frontier-spent-of-cap",
            title="Frontier spend of its cap",
            about="Spent by cap, for this UTC day and month. At the cap nothing leaves any more.",
            kind="value",
            unit=Unit.RATIO,
            queries=(Query("freehold:frontier_spent_usd / freehold:frontier_cap_usd", "{{period}}"),),
            width=12,
            decimals=1,
            may_be_zero=_QUIET,
            may_be_empty=NO_FRONTIER,
        ),
        Panel(
            id="cost-frontier-tokens",
            title="Frontier tokens by provider",
            about="Tokens of the time that is looked at that frontier requests came to; of requests in doubt those "
            "that were reserved.",
            kind="table",
            unit=Unit.NUMBER,
            queries=(
                Query(
                    "sum by (model, provider, type) (increase(freehold_frontier_tokens_total[$__range]))",
                    "Tokens",
                ),
            ),
            decimals=0,
            may_be_zero=_QUIET,
            may_be_empty=NO_FRONTIER,
        ),
    ),
)
