"""Is it ours: the checks' outcomes as they stand.

An ``ok`` that nobody has renewed is ``unknown``: the file of a checker that died stays on the node for ever.
"""

from __future__ import annotations

from monitoring import config
from monitoring.model import Recording, Subject

RECORDED = (
    Recording(
        "freehold:sovereignty_outcome",
        ("node", "check", "subject", "owned", "outcome"),
        "1 for the outcome that stands: ok, fail, unknown, not_applicable. An ok that is too old is unknown.",
        """
        max by (node, check, subject, owned, outcome) (
          (freehold_sovereignty_check{outcome!="ok"} == 1)
          or
          (freehold_sovereignty_check{outcome="ok"} == 1)
            and on (node) (time() - freehold_sovereignty_checked_timestamp_seconds <= [[seconds]])
          or
          label_replace(
            (freehold_sovereignty_check{outcome="ok"} == 1)
              unless on (node) (time() - freehold_sovereignty_checked_timestamp_seconds <= [[seconds]]),
            "outcome", "unknown", "outcome", ".*"
          )
        )
        """,
        {"seconds": config.SOVEREIGNTY_STALE},
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
          (freehold:declared_node == 1) unless on (node) freehold:sovereignty_outcome
        )
        or
        0 * count(freehold:sovereignty_outcome)
        """,
    ),
)

SUBJECT = Subject("sovereignty", "Whether it is ours.", RECORDED)
