"""Energy and use of the GPUs, for the view of the cost."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Unit
from freehold.report.panels.shared import NO_LOAD, NODE

_COUNTER = "From the GPUs' energy counters over two minutes, not from samples of power."

ENERGY = Row(
    "Energy and use",
    (
        Panel(
            id="cost-joules-per-token",
            title="Energy a token",
            about="GPU energy by tokens of both directions, over five minutes and over an hour; idle energy is in "
            "it. PUE is not.",
            kind="series",
            unit=Unit.JOULES,
            queries=(
                Query("freehold:joules_per_token:ratio5m", "fleet, 5 min"),
                Query("freehold:joules_per_token:ratio1h", "fleet, 1 h"),
                Query(f"freehold:node_joules_per_token:ratio5m{{{NODE}}}", "{{node}}, 5 min"),
            ),
            decimals=2,
            gpu=True,
            may_be_empty=f"{NO_LOAD} Without tokens there is no energy of a token.",
            links=("FreeholdJoulesPerTokenDoubled",),
        ),
        Panel(
            id="cost-power",
            title="Power of the GPUs",
            about=f"{_COUNTER} The rest of the machine (processors, fans, disks) is not in it.",
            kind="series",
            unit=Unit.WATTS,
            queries=(
                Query(f"freehold:gpu_power_watts{{{NODE}}}", "{{node}}"),
                Query("freehold:gpu_power_watts:fleet", "fleet"),
            ),
            decimals=0,
            gpu=True,
            links=("FreeholdIdleGpusDrawMuch",),
        ),
        Panel(
            id="cost-power-by-service",
            title="Power by service",
            about="The GPUs' energy, given to the service that held the GPU; none is energy of GPUs that nobody "
            "held. Over five minutes: the energy counter moves in steps.",
            kind="series",
            unit=Unit.WATTS,
            queries=(
                Query(
                    f"sum by (node, service) (rate(freehold_gpu_service_energy_joules_total{{{NODE}}}[5m]))",
                    "{{node}} {{service}}",
                ),
            ),
            decimals=0,
            gpu=True,
        ),
        Panel(
            id="cost-utilisation",
            title="Use of the GPUs",
            about="Share of time in which a kernel ran, mean of a node's GPUs. Busy is not the same as fully used: "
            "tokens a second and power say more.",
            kind="series",
            unit=Unit.RATIO,
            queries=(Query(f"freehold:gpu_utilisation:ratio{{{NODE}}}", "{{node}}"),),
            decimals=0,
            gpu=True,
        ),
    ),
)
