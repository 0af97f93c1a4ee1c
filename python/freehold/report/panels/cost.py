"""What a token costs: the price of a million, what it is made of, who used them, and what left for the frontier."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Unit, View
from freehold.report.panels.energy import ENERGY
from freehold.report.panels.frontier import FRONTIER
from freehold.report.panels.shared import BOTH, MODEL, NO_LOAD, simulated

METHOD = (
    "Purchase price in a straight line over the declared nodes and years, plus the energy of the GPUs' counters "
    "times PUE times tariff. Staff, network, rack, capital and the machines' own power without the GPUs are not in "
    "it."
)
HOURS_A_MONTH = 730.5
"""A year of 365.25 days by twelve, as ``freehold.cost`` counts."""

WINDOWS = {"1h": "an hour", "1d": "a day"}


def _million(which: str, series: str, window: str) -> Panel:
    directions = {"together": "Input and output together", "in": "Input alone", "out": "Output alone"}
    return Panel(
        id=f"cost-million-{which}-{window}",
        title=f"A million tokens {which}, over {WINDOWS[window]}",
        about=f"{directions[which]}, in the declared currency, over {WINDOWS[window]}, to the end of what is "
        f"looked at. {METHOD} "
        "Input and output share the cost by the time that the engines spent in prefill and in decode.",
        kind="value",
        unit=Unit.MONEY,
        queries=(Query(f"{series}:{window}", "{{currency}}"),),
        width=8,
        decimals=4,
        gpu=True,
        may_be_empty=f"{NO_LOAD} Without tokens there is no price of a token.",
    )


PRICE = Row(
    "What a million tokens costs",
    (
        *(
            _million(which, f"freehold:cost_per_million_{name}tokens", window)
            for window in WINDOWS
            for which, name in (("together", ""), ("in", "input_"), ("out", "output_"))
        ),
        Panel(
            id="cost-million-over-time",
            title="A million tokens, over time",
            about="The price over the hour, and over the day, that ends at each point. It falls with use: the hardware "
            f"costs the same idle. {METHOD}",
            kind="series",
            unit=Unit.MONEY,
            queries=(
                Query("freehold:cost_per_million_tokens:1h", "together, hour, {{currency}}"),
                Query("freehold:cost_per_million_input_tokens:1h", "in, hour, {{currency}}"),
                Query("freehold:cost_per_million_output_tokens:1h", "out, hour, {{currency}}"),
                Query("freehold:cost_per_million_tokens:1d", "together, day, {{currency}}"),
            ),
            decimals=4,
            gpu=True,
            may_be_empty=f"{NO_LOAD} Without tokens there is no price of a token.",
        ),
        Panel(
            id="cost-per-hour",
            title="Cost of the fleet an hour",
            about=f"What an hour costs, in the declared currency, whether anybody asks or not. {METHOD}",
            kind="series",
            unit=Unit.MONEY,
            queries=(
                Query("freehold:hardware_cost_per_hour", "hardware, {{currency}}"),
                Query("freehold:energy_cost_per_hour", "energy, {{currency}}"),
                Query("freehold:cost_per_hour", "together, {{currency}}"),
            ),
            decimals=4,
            gpu=True,
        ),
    ),
)


def _input(name: str, title: str, about: str, unit: Unit, query: Query) -> Panel:
    return Panel(
        id=f"cost-input-{name}",
        title=title,
        about=about,
        kind="value",
        unit=unit,
        queries=(query,),
        width=6,
        decimals=2,
    )


_DECLARED = "Declared in the fleet's settings, not measured."

INPUTS = Row(
    "What the price is made of",
    (
        _input(
            "hardware-month",
            "Hardware a month",
            "The declared nodes' purchase price in a straight line over the declared years.",
            Unit.MONEY,
            Query(f"freehold:hardware_cost_per_hour * {HOURS_A_MONTH}", "{{currency}}"),
        ),
        _input(
            "hardware-hour",
            "Hardware an hour",
            "The declared nodes' purchase price in a straight line over the declared years.",
            Unit.MONEY,
            Query("freehold:hardware_cost_per_hour", "{{currency}}"),
        ),
        _input(
            "purchase",
            "Purchase price of a node",
            _DECLARED,
            Unit.MONEY,
            Query("freehold:price_node_purchase", "{{currency}}"),
        ),
        _input(
            "years",
            "Years of use",
            _DECLARED,
            Unit.NUMBER,
            Query("freehold:price_node_years"),
        ),
        _input(
            "tariff",
            "Tariff, a kilowatt hour",
            f"At the meter, before PUE. {_DECLARED}",
            Unit.MONEY,
            Query("freehold:price_electricity_per_kwh", "{{currency}}"),
        ),
        _input(
            "pue",
            "Power usage effectiveness",
            f"Power of the whole room by power of the machines. {_DECLARED}",
            Unit.NUMBER,
            Query("freehold:price_pue"),
        ),
        _input(
            "idle",
            "Idle power of a node",
            f"What a node draws when nobody asks; break-even needs it, the measured price does not. {_DECLARED}",
            Unit.WATTS,
            Query("freehold:price_node_idle_watts"),
        ),
        _input(
            "nodes",
            "Nodes that are paid for",
            f"All of the fleet, those in maintenance too: they cost the same. {_DECLARED}",
            Unit.NUMBER,
            Query("sum(freehold:declared_node or freehold:maintenance)"),
        ),
    ),
)

TOKENS = Row(
    "Who used the tokens",
    (
        Panel(
            id="cost-tokens-by-model",
            title="Tokens by model",
            about="As the gateways counted them, each once. Input that a cache of the engine had already read counts "
            "too.",
            kind="series",
            unit=Unit.TOKENS_PER_SECOND,
            queries=(Query(f"sum by (model, type) (freehold:tokens:rate2m{{{MODEL}}})", "{{model}} {{type}}"),),
        ),
        Panel(
            id="cost-tokens-by-route",
            title="Tokens by who answered",
            about="Local and peer: the fleet's own engines, on the node that was asked or on another. Frontier: a "
            "provider outside, by exception and on record.",
            kind="series",
            unit=Unit.TOKENS_PER_SECOND,
            queries=(Query(f"sum by (route) (freehold:tokens:rate2m{{{MODEL}}})", "{{route}}"),),
        ),
        Panel(
            id="cost-tokens-by-key",
            title="Tokens by key",
            about="Tokens of the time that is looked at, by key, model, direction and who answered: the rates that "
            "were recorded, minute by minute. The ledger is the exact record (freehold usage).",
            kind="table",
            unit=Unit.NUMBER,
            queries=(
                Query(
                    "sum by (key, model, type, route) "
                    f"(sum_over_time(freehold:tokens:rate2m{{{MODEL}}}[$__range:1m])) * 60",
                    "Tokens",
                ),
            ),
            decimals=0,
        ),
        Panel(
            id="cost-tokens-by-node",
            title="Tokens that the engines made",
            about="Output by node and model, from the engines' own counters.",
            kind="series",
            unit=Unit.TOKENS_PER_SECOND,
            queries=(
                Query(f"sum by (node, model) (freehold:completion_tokens:rate2m{{{BOTH}}})", "{{node}} {{model}}"),
            ),
        ),
    ),
)

COST = View(
    "cost",
    "Cost",
    "What a token costs on hardware that is owned, what that price is made of, and how much left for the frontier.",
    (PRICE, INPUTS, ENERGY, TOKENS, FRONTIER, Row("What is not real", (simulated("cost"),))),
)
