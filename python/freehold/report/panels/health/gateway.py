"""The gateways: requests and refusals, the ledger, the followers."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Unit
from freehold.report.panels.shared import BOTH, MODEL, NO_LOAD, NODE

_NONE_BEHIND = "A fleet of one gateway has no followers."


def _of_follower(metric: str) -> str:
    """The authority tells of others: its metric's own ``node`` became ``exported_node`` beside the target's."""
    follower = f'label_replace({metric}, "follower", "$1", "exported_node", "(.+)")'
    return f"max by (follower) ({follower})"


GATEWAY = Row(
    "Gateways",
    (
        Panel(
            id="health-requests",
            title="Requests by status",
            about="Of clients, as they ended; 499 means that the client went before the end.",
            kind="series",
            unit=Unit.PER_SECOND,
            queries=(Query(f"sum by (status) (freehold:requests:rate2m{{{MODEL}}})", "{{status}}"),),
        ),
        Panel(
            id="health-failed-ratio",
            title="Requests that failed",
            about="Answers to clients with a status of 500 and above by all, over five minutes.",
            kind="series",
            unit=Unit.RATIO,
            queries=(Query(f"freehold:failed_requests:ratio5m{{{MODEL}}}", "{{model}}"),),
            decimals=1,
            may_be_zero="A healthy fleet fails no request.",
            may_be_empty=NO_LOAD,
            links=("FreeholdRequestsFailing",),
        ),
        Panel(
            id="health-refusals",
            title="Refusals, by reason",
            about="Requests that a gateway refused or could not serve, and connections that it did not take.",
            kind="series",
            unit=Unit.PER_SECOND,
            queries=(Query(f"sum by (reason) (rate(freehold_gateway_refusals_total{{{NODE}}}[5m]))", "{{reason}}"),),
            may_be_zero="Nobody asked for what is not allowed or not there.",
            may_be_empty="A reason is counted from its first refusal on; without one there is no series.",
        ),
        Panel(
            id="health-cut",
            title="Answers cut short, by whom",
            about="Answers that ended before their end: the client went or read too slowly, the engine stopped, or the "
            "gateway was told to stop.",
            kind="series",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    f'sum by (model, by) (rate(freehold_gateway_cut_answers_total{{model!="",{BOTH}}}[5m]))',
                    "{{model}}, by {{by}}",
                ),
            ),
            may_be_zero="Clients that wait for their answers cut none.",
            may_be_empty="Counted from the first cut answer on; without one there is no series.",
            links=("FreeholdAnswersCut",),
        ),
        Panel(
            id="health-open",
            title="Open requests",
            about="Being answered now. A request that one gateway handed to another is open at both.",
            kind="series",
            unit=Unit.NUMBER,
            queries=(Query(f"freehold:requests_open{{{BOTH}}}", "{{node}} {{model}}"),),
            decimals=0,
            may_be_zero="Short requests fall between two looks at the gateway.",
        ),
        Panel(
            id="health-replicas",
            title="Gateways that can answer",
            about="As each gateway sees it: all that it knows, itself too, and those that rest after a failure.",
            kind="series",
            unit=Unit.NUMBER,
            queries=(Query(f"max by (node, state) (freehold_gateway_replicas{{{NODE}}})", "{{node}} sees {{state}}"),),
            decimals=0,
            links=("FreeholdReplicasResting",),
        ),
        Panel(
            id="health-ledger",
            title="Ledger",
            about="Whether usage rows reach the disk. Where they do not, local requests go on and nothing leaves.",
            kind="table",
            unit=Unit.NUMBER,
            queries=(
                Query(f"min by (node) (freehold_ledger_writable{{{NODE}}})", "Writable, 1 is yes"),
                Query(f"max by (node) (freehold_ledger_pending_rows{{{NODE}}})", "Rows not on disk yet"),
                Query(f"max by (node) (freehold_ledger_lost_rows{{{NODE}}})", "Rows lost since the start"),
            ),
            decimals=0,
            links=(
                "FreeholdLedgerNotWritable",
                "FreeholdLedgerRowsPending",
                "FreeholdLedgerRowsLost",
            ),
        ),
        Panel(
            id="health-followers",
            title="Followers of the authority",
            about="Time since the authority heard each follower, and the changes of keys that it has not taken over.",
            kind="table",
            unit=Unit.NUMBER,
            queries=(
                Query(_of_follower("freehold_gateway_follower_seconds"), "Heard", unit=Unit.TIME_AGO),
                Query(_of_follower("freehold_gateway_follower_behind"), "Key changes behind"),
            ),
            decimals=0,
            may_be_zero="Followers that keep up are not behind.",
            may_be_empty=_NONE_BEHIND,
            links=(
                "FreeholdFollowerSilent",
                "FreeholdFollowerBehind",
            ),
        ),
        Panel(
            id="health-authority-silent",
            title="Authority's silence",
            about="On each follower: time since the authority was heard. Without it no new allowance is lent.",
            kind="series",
            unit=Unit.TIME_AGO,
            queries=(Query(f"max by (node) (freehold_gateway_authority_silent_seconds{{{NODE}}})", "{{node}}"),),
            decimals=0,
            width=24,
            may_be_empty=_NONE_BEHIND,
            links=("FreeholdAuthoritySilent",),
        ),
    ),
)
