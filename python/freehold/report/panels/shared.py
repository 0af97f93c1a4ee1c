"""Queries and reasons that more than one view has."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Unit, Word

NODE = 'node=~"$node"'
MODEL = 'model=~"$model"'
BOTH = f"{NODE}, {MODEL}"

NO_FRONTIER = "A fleet whose settings name no frontier provider has no such series."
ONLY_VLLM = "Only vLLM tells it; a fleet of llama.cpp alone has no such series (docs/metrics.md, declared gaps)."
NO_LOAD = "Nothing was asked of the fleet in the time that is looked at."

UP = (Word(1, "up", "good"), Word(0, "down", "bad"))
YES_NO = (Word(1, "yes", "none"), Word(0, "no", "none"))


def simulated(name: str) -> Panel:
    """What is not real, on every view: figures that rest on it are figures of the simulation."""
    return Panel(
        id=f"{name}-simulated",
        title="Simulated parts",
        about="Parts that are not real, by the node that says so. Every figure that rests on such a part is a figure "
        "of the simulation, not of a machine: power, energy, cost, temperature and GPU faults where the part is gpu.",
        kind="table",
        unit=Unit.STATE,
        queries=(
            Query("max by (node, part) (freehold_simulated)", "Simulated", words=(Word(1, "simulated", "look"),)),
        ),
        words=(Word(1, "simulated", "look"),),
        width=24,
        may_be_empty="On a fleet whose every part is real there is nothing to list.",
    )
