"""What a token costs, by the method of :mod:`freehold.cost.token_cost`, at every moment and over windows.

Hardware in a straight line over its years, for every node of the fleet document, those in maintenance too: they are
paid for all the same. Energy of the GPUs by their counters, times PUE, times tariff. A window adds up the moments whose
cost is known, and the tokens of just those: prices and nodes may change in it, the monitor may have been away.
"""

from __future__ import annotations

from freehold.cost.token_cost import JOULES_PER_KWH, MILLION, SECONDS_PER_YEAR
from monitoring.model import Recording, Subject

HOUR_SECONDS = 3600
HOURS_PER_YEAR = SECONDS_PER_YEAR / HOUR_SECONDS
KILO = JOULES_PER_KWH / HOUR_SECONDS


def _priced(name: str, tokens: str) -> Recording:
    return Recording(
        f"freehold:priced_{name}_tokens:rate2m",
        (),
        f"{name.capitalize()} tokens a second of the fleet's engines, at moments whose cost is known.",
        f"sum({tokens}) and on () freehold:cost_per_hour",
    )


def _sum(series: str, window: str) -> str:
    return f"sum(sum_over_time(freehold:{series}[{window}]))"


def _windows(window: str) -> tuple[Recording, ...]:
    tokens = [_sum(f"priced_{name}_tokens:rate2m", window) for name in ("input", "output")]
    whole = f"""
        {_spent(window)}
          / on () group_left () (
            {tokens[0]}
              + {tokens[1]} > 0
          )
        """
    about = f"Money for a million tokens over {window}, hardware and energy; absent without tokens."
    both = Recording(f"freehold:cost_per_million_tokens:{window}", ("currency",), about, whole)
    return (both, _part("input", "prefill", "decode", window), _part("output", "decode", "prefill", window))


def _spent(window: str) -> str:
    return f"{MILLION} * sum_over_time(freehold:cost_per_hour[{window}]) / {HOUR_SECONDS}"


def _part(name: str, phase: str, other: str, window: str) -> Recording:
    busy, idle = _sum(f"{phase}_seconds:rate5m", window), _sum(f"{other}_seconds:rate5m", window)
    expr = f"""
        {_spent(window)}
          * on () group_left () (
            {busy}
              / ({busy}
                + {idle} > 0)
          )
          / on () group_left () ({_sum(f"priced_{name}_tokens:rate2m", window)} > 0)
        """
    about = f"The same for {name} tokens: their part of the cost is the part that {phase} has of the engines' time."
    return Recording(f"freehold:cost_per_million_{name}_tokens:{window}", ("currency",), about, expr)


RECORDED = (
    Recording(
        "freehold:hardware_cost_per_hour",
        ("currency",),
        "Straight line: purchase price over years of use, for every node of the fleet, those in maintenance too.",
        f"""
        max by (currency) (freehold:price_node_purchase)
          * on () group_left () (
            count(freehold:declared_node == 1 or freehold:maintenance == 1)
              / max(freehold:price_node_years) / {HOURS_PER_YEAR:g}
          )
        """,
    ),
    Recording(
        "freehold:energy_cost_per_hour",
        ("currency",),
        "What the GPUs draw, times PUE, times tariff.",
        f"""
        max by (currency) (freehold:price_electricity_per_kwh)
          * on () group_left () (max(freehold:price_pue) * freehold:gpu_power_watts:fleet / {KILO:g})
        """,
    ),
    Recording(
        "freehold:cost_per_hour",
        ("currency",),
        "Both together; absent where one of them is not known.",
        "freehold:hardware_cost_per_hour + on (currency) freehold:energy_cost_per_hour",
    ),
    _priced("input", "freehold:prompt_tokens:rate2m"),
    _priced("output", "freehold:completion_tokens:rate2m"),
    *_windows("1h"),
    *_windows("1d"),
)

SUBJECT = Subject("cost", "What a token costs.", RECORDED)
