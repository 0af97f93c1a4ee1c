"""The gateway's books, and the one authority over keys and allowances."""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Subject
from monitoring.rules.events import events_kept


def _of_follower(metric: str) -> str:
    """The authority tells of others: an alert's ``node`` is the follower, by which maintenance and inhibition go."""
    told = f"{metric} unless on (node) freehold:maintenance == 1"
    whose = f'label_replace({told}, "authority", "$1", "node", "(.+)")'
    return f'max by (node, authority) (\n  label_replace({whose},\n    "node", "$1", "exported_node", "(.+)")\n)'


REFUSED = events_kept('freehold_frontier_decisions_total{reason="clock_stepped"}', "15m", "gateway")

ALERTS = (
    Alert(
        "FreeholdLedgerNotWritable",
        "critical",
        config.FOUR_SCRAPES,
        "max by (node) (freehold_ledger_writable) == 0",
        "{{ $labels.node }}: usage is not written down",
        """Found: the ledger cannot be written for [[hold]]. Expected: every row on the disk. Local answers go on,
        nothing leaves, and rows are lost when memory for them is full.""",
    ),
    Alert(
        "FreeholdLedgerRowsPending",
        "warning",
        config.FOUR_SCRAPES,
        "max by (node) (freehold_ledger_pending_rows) > [[rows]]",
        "{{ $labels.node }}: the ledger's disk is too slow",
        "Found: {{ $value }} rows wait for the disk. Expected: at most [[rows]]; at twice that, rows are lost.",
        {"rows": config.PENDING_ROWS},
    ),
    Alert(
        "FreeholdLedgerRowsLost",
        "warning",
        config.AT_ONCE,
        "max by (node) (freehold_ledger_lost_rows) > [[rows]]",
        "{{ $labels.node }}: requests without a record",
        "Found: {{ $value }} rows lost since the gateway's start. Expected: [[rows]].",
        {"rows": config.LOST_ROWS},
    ),
    Alert(
        "FreeholdClockRefused",
        "warning",
        config.AT_ONCE,
        f"sum by (node) {REFUSED} > [[refusals]]",
        "{{ $labels.node }}: nothing leaves, for its clock was set",
        """Found: requests that did not leave because the ledger does not trust the clock. Expected: [[refusals]] in 15
        minutes.""",
        {"refusals": config.CLOCK_REFUSALS},
    ),
    Alert(
        "FreeholdFollowerSilent",
        "warning",
        config.BRIEF,
        f"{_of_follower('freehold_gateway_follower_seconds')} > [[seconds]]",
        "{{ $labels.node }}: the authority does not hear its gateway",
        """Found: nothing heard for {{ $value | humanizeDuration }} on {{ $labels.authority }}. Expected: at most
        [[seconds]] s.
        Its share of quotas and caps is not up to date.""",
        {"seconds": config.FOLLOWER_SECONDS},
    ),
    Alert(
        "FreeholdAuthoritySilent",
        "warning",
        config.FOUR_SCRAPES,
        "max by (node) (freehold_gateway_authority_silent_seconds) > [[seconds]]",
        "{{ $labels.node }}: its gateway does not hear the authority",
        """Found: nothing heard for {{ $value | humanizeDuration }}. Expected: at most [[seconds]] s. Local
        answers go on;
        changes of keys do not arrive, and when its leases end nothing leaves.""",
        {"seconds": config.FOLLOWER_SECONDS},
    ),
    Alert(
        "FreeholdFollowerBehind",
        "warning",
        config.A_WHILE,
        f"{_of_follower('freehold_gateway_follower_behind')} > [[changes]]",
        "{{ $labels.node }}: its gateway has old keys",
        """Found: {{ $value }} changes of keys not taken over for [[hold]]. Expected: [[changes]]. A revoked
        key may still
        be let in there.""",
        {"changes": config.FOLLOWER_BEHIND},
    ),
)

SUBJECT = Subject("books", "The gateway's books, and the authority over them.", (), ALERTS)
