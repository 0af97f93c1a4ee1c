"""Whether the system is still the owner's: what was checked, of which owned thing, and what tried to leave."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Step, Unit, View, Word
from freehold.report.panels.shared import NO_FRONTIER, NODE, simulated

OWNED = ("weights", "runtime", "data_path", "wrapper", "embedding_sidecar", "tunnel", "supervisor")
"""The things that must be the owner's; the label ``owned`` of a check is one of them."""

OUTCOMES = (
    Word(0, "no check yet", "none"),
    Word(1, "ok", "good"),
    Word(2, "not applicable", "none"),
    Word(3, "unknown", "look"),
    Word(4, "failed", "bad"),
)
_NUMBERS = {"ok": 1, "not_applicable": 2, "unknown": 3, "fail": 4}

_LOOKED = "freehold_sovereignty_checked_timestamp_seconds"
_FINE = "A fleet that is sovereign has none."


def outcome(*, owned: str = "", by: str) -> str:
    """PromQL: the worst outcome by the labels ``by``, as the number of :data:`OUTCOMES`."""
    thing = f', owned="{owned}"' if owned else ""
    parts = (
        f'freehold:sovereignty_outcome{{{NODE}{thing}, outcome="{name}"}} == 1) * {number}'
        for name, number in _NUMBERS.items()
    )
    return f"max by ({by}) ({' or '.join(f'({part}' for part in parts)})"


def _unchecked(label: str, value: str) -> str:
    return f'label_replace(vector(0), "{label}", "{value}", "", "")'


def _of_all_things() -> str:
    """The worst of each owned thing; 0 for a thing that nothing has looked at."""
    return " or ".join((outcome(by="owned"), *(_unchecked("owned", owned) for owned in OWNED)))


def _words(owned: str) -> str:
    return owned.replace("_", " ")


_THINGS = Row(
    "Owned things",
    (
        Panel(
            id="sovereignty-owned-now",
            title="Each owned thing, now",
            about="The worst outcome of all checks of a thing, on all nodes. Unknown means that a check could not "
            "look; no check yet means that nothing looks. Neither is good.",
            kind="table",
            unit=Unit.STATE,
            queries=(Query(_of_all_things(), "Outcome", words=OUTCOMES),),
            words=OUTCOMES,
        ),
        Panel(
            id="sovereignty-owned-over-time",
            title="Each owned thing, over time",
            about="The same, over time.",
            kind="states",
            unit=Unit.STATE,
            queries=(Query(_of_all_things(), "{{owned}}"),),
            words=OUTCOMES,
        ),
        Panel(
            id="sovereignty-checks-over-time",
            title="Checks by owned thing and node",
            about="The worst outcome of each check on each node, over time. A thing without a band of a check has "
            "none yet.",
            kind="states",
            unit=Unit.STATE,
            queries=tuple(
                Query(
                    f"{outcome(owned=owned, by='check, node')} or on () {_unchecked('check', 'no check yet')}",
                    f"{_words(owned)}: {{{{check}}}} {{{{node}}}}",
                )
                for owned in OWNED
            ),
            words=OUTCOMES,
            width=24,
        ),
        Panel(
            id="sovereignty-not-good",
            title="Failed or unknown, now",
            about="Every outcome that is not good, with what it is about. The reason is in freehold status of that "
            "node.",
            kind="table",
            unit=Unit.STATE,
            queries=(Query(f"{outcome(by='owned, check, node, subject')} >= 3", "Outcome", words=OUTCOMES),),
            words=OUTCOMES,
            width=24,
            may_be_empty=_FINE,
            links=(
                "FreeholdSovereigntyFailed",
                "FreeholdSovereigntyUnknown",
            ),
        ),
    ),
)

_COUNTS = Row(
    "Verdict",
    (
        Panel(
            id="sovereignty-failed",
            title="Checks that failed",
            about="Outcomes that are fail, now, on all nodes. One is enough: the fleet is not sovereign.",
            kind="value",
            unit=Unit.NUMBER,
            queries=(Query("freehold:sovereignty_failed:count"),),
            steps=(Step(0, "good"), Step(1, "bad")),
            width=6,
            decimals=0,
            may_be_zero=_FINE,
        ),
        Panel(
            id="sovereignty-unknown",
            title="Checks that could not look",
            about="Outcomes that are unknown, now, on all nodes. What nobody could look at is not good.",
            kind="value",
            unit=Unit.NUMBER,
            queries=(Query("freehold:sovereignty_unknown:count"),),
            steps=(Step(0, "good"), Step(1, "look")),
            width=6,
            decimals=0,
            may_be_zero=_FINE,
        ),
        Panel(
            id="sovereignty-weights-verified",
            title="Nodes with verified weights",
            about="Part of the nodes whose every model has the bytes of the manifest that the owner pinned, at the "
            "last check.",
            kind="value",
            unit=Unit.RATIO,
            queries=(Query(f"avg(({outcome(owned='weights', by='node')}) == bool 1)"),),
            width=6,
            decimals=0,
        ),
        Panel(
            id="sovereignty-local-share",
            title="Share of local tokens",
            about="Tokens that the fleet's own engines answered, by all tokens of the time that is looked at, as the "
            "gateways counted them.",
            kind="value",
            unit=Unit.RATIO,
            queries=(
                Query(
                    '(sum(sum_over_time(freehold:tokens:rate2m{route!="frontier"}[$__range:1m])) or vector(0))'
                    " / (sum(sum_over_time(freehold:tokens:rate2m[$__range:1m])) > 0)"
                ),
            ),
            width=6,
            decimals=2,
            may_be_empty="Nothing was asked of the fleet in the time that is looked at.",
        ),
    ),
)

_LEAVING = Row(
    "What leaves, and what tried to",
    (
        Panel(
            id="sovereignty-dropped",
            title="Packets that the firewall dropped",
            about="By node and counter: dropped_input came from outside the mesh, dropped_mesh inside it, "
            "dropped_forward was to be passed on. A steady rate deserves a look.",
            kind="series",
            unit=Unit.PER_SECOND,
            queries=(
                Query(
                    f"sum by (node, counter) (rate(freehold_firewall_dropped_packets_total{{{NODE}}}[5m]))",
                    "{{node}} {{counter}}",
                ),
            ),
            decimals=2,
            may_be_zero="Nobody knocks on a closed door of a quiet network.",
        ),
        Panel(
            id="sovereignty-frontier-decisions",
            title="Decisions about leaving, by reason",
            about="Requests that may leave or asked to, by what became of them and why, in the time that is looked at.",
            kind="table",
            unit=Unit.NUMBER,
            queries=(
                Query(
                    "sum by (model, outcome, reason) (increase(freehold_frontier_decisions_total[$__range]))",
                    "Requests",
                ),
            ),
            decimals=0,
            may_be_zero="No request in this time named a model that may leave.",
            may_be_empty=NO_FRONTIER,
        ),
    ),
)

_AGE = Row(
    "How fresh this is",
    (
        Panel(
            id="sovereignty-age",
            title="Since the last check",
            about="Time since each check looked last on each node. An ok that is too old counts as unknown.",
            kind="series",
            unit=Unit.TIME_AGO,
            queries=(Query(f"time() - max by (node, check) ({_LOOKED}{{{NODE}}})", "{{node}} {{check}}"),),
            decimals=0,
            width=24,
            links=("FreeholdSovereigntyStale",),
        ),
        simulated("sovereignty"),
    ),
)

SOVEREIGNTY = View(
    "sovereignty",
    "Sovereignty",
    "Whether the weights, the runtime and the data path are still the owner's, and how much left by exception.",
    (_COUNTS, _THINGS, _LEAVING, _AGE),
)
