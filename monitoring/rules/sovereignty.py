"""Is it ours: the checks' outcomes as they stand.

An ``ok`` that nobody has renewed is ``unknown``: the file of a checker that died stays on the node for ever.
"""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Recording, Subject

RECORDED = (
    Recording(
        "freehold:sovereignty_stale_seconds",
        ("node", "check"),
        "Since a check looked last, where that is too long; absent for those in time.",
        """
        max by (node, check) (
          time() - freehold_sovereignty_checked_timestamp_seconds{check!="weights_digest"} > [[seconds]]
          or
          time() - freehold_sovereignty_checked_timestamp_seconds{check="weights_digest"} > [[weights]]
        )
        """,
        {"seconds": config.SOVEREIGNTY_STALE, "weights": config.WEIGHTS_STALE},
    ),
    Recording(
        "freehold:sovereignty_outcome",
        ("node", "check", "subject", "owned", "outcome"),
        "1 for the outcome that stands: ok, fail, unknown, not_applicable. An ok that is too old is unknown.",
        """
        max by (node, check, subject, owned, outcome) (
          (freehold_sovereignty_check{outcome!="ok"} == 1)
          or
          (freehold_sovereignty_check{outcome="ok"} == 1)
            and on (node, check) freehold_sovereignty_checked_timestamp_seconds
            unless on (node, check) freehold:sovereignty_stale_seconds
          or
          label_replace(
            (freehold_sovereignty_check{outcome="ok"} == 1)
              unless on (node, check) (
                freehold_sovereignty_checked_timestamp_seconds
                  unless on (node, check) freehold:sovereignty_stale_seconds
              ),
            "outcome", "unknown", "outcome", ".*"
          )
        )
        """,
    ),
    Recording(
        "freehold:sovereignty_failed:count",
        (),
        "Checks that fail; absent where no check is known.",
        'count(freehold:sovereignty_outcome{outcome="fail"}) or 0 * count(freehold:sovereignty_outcome)',
    ),
    Recording(
        "freehold:sovereignty_unknown:count",
        (),
        "Checks without an answer, and nodes (those in maintenance apart) that tell of no check at all.",
        """
        count(
          freehold:sovereignty_outcome{outcome="unknown"}
          or
          (freehold:declared_node == 1)
            unless on (node) freehold:sovereignty_outcome
            unless on (node) (freehold:maintenance == 1)
        )
        or
        0 * count(freehold:sovereignty_outcome)
        """,
    ),
)

ALERTS = (
    Alert(
        "FreeholdSovereigntyFailed",
        "critical",
        config.AT_ONCE,
        'freehold:sovereignty_outcome{outcome="fail"} == 1',
        "{{ $labels.node }}: {{ $labels.check }} fails for {{ $labels.subject }}",
        """Found: the check of the {{ $labels.owned }} fails. Expected: ok. Something in the path is not the
        owner's.""",
    ),
    Alert(
        "FreeholdSovereigntyUnknown",
        "warning",
        config.LASTING,
        'freehold:sovereignty_outcome{outcome="unknown"} == 1',
        "{{ $labels.node }}: nobody knows whether {{ $labels.check }} holds for {{ $labels.subject }}",
        "Found: no answer of the check of the {{ $labels.owned }} for [[hold]]. Expected: ok; unknown is not ok.",
    ),
    Alert(
        "FreeholdSovereigntyStale",
        "warning",
        config.A_WHILE,
        """
        freehold:sovereignty_stale_seconds
          or on (node)
        (freehold:declared_node == 1) unless on (node) freehold_sovereignty_checked_timestamp_seconds
        """,
        "{{ $labels.node }}: its sovereignty is not looked at",
        """Found: {{ with $labels.check }}{{ . }} looked last {{ $value | humanizeDuration }} ago{{ else }}no check at
        all{{ end }}. Expected: every [[seconds]] s at the latest, the weights' every [[weights]] s.""",
        {"seconds": config.SOVEREIGNTY_STALE, "weights": config.WEIGHTS_STALE},
    ),
)

SUBJECT = Subject("sovereignty", "Whether it is ours.", RECORDED, ALERTS)
