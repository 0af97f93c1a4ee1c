"""What Prometheus computes for a million tokens is what freehold.cost.token_cost says of the same counters."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.live.monitoring.promtool import RULES, promtool

from freehold.cost.token_cost import MILLION, Prices, TokenCost, Window, token_cost

STEP = 30
HOURS = 2
STEPS = HOURS * 3600 // STEP
PRICES = Prices("USD", electricity_per_kwh=0.2, node_purchase=300_000, years=4, pue=1.3)


@dataclass(frozen=True)
class Load:
    """What each node does in a step: joules of its GPUs, tokens, seconds of its engine."""

    joules: float
    prompt: int
    completion: int
    prefill: float
    decode: float


NODES = {"gpu1": Load(90_000, 6_000, 1_500, 3.0, 9.0), "gpu2": Load(45_000, 3_000, 900, 1.0, 7.0)}
CONSTANTS = {
    'freehold:price_electricity_per_kwh{currency="USD"}': PRICES.electricity_per_kwh,
    'freehold:price_node_purchase{currency="USD"}': PRICES.node_purchase,
    "freehold:price_node_years": PRICES.years,
    "freehold:price_pue": PRICES.pue,
    'freehold:declared_node{node="gpu1"}': 1,
    'freehold:maintenance{node="gpu2"}': 1,  # paid for all the same
}
COUNTERS: dict[str, Callable[[Load], float]] = {
    "vllm:prompt_tokens_total": lambda load: load.prompt,
    "vllm:generation_tokens_total": lambda load: load.completion,
    "vllm:request_prefill_time_seconds_sum": lambda load: load.prefill,
    "vllm:request_decode_time_seconds_sum": lambda load: load.decode,
}
HOLE = "_x40"
"""Twenty minutes in which the monitor was away; counters went on."""


def series(*, hole: bool) -> dict[str, str]:
    """promtool's notation of two hours. A ``hole`` is in the middle of the hour that is looked at."""
    found = {name: f"{value}x{STEPS}" for name, value in CONSTANTS.items()}
    for node, load in NODES.items():
        for name, per_step in COUNTERS.items():
            found[f'{name}{{node="{node}",model="m",engine="vllm"}}'] = counted(per_step(load), hole=hole)
        energy = f'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{node="{node}",gpu="0"}}'
        found[energy] = counted(load.joules * 1000, hole=hole)
    return found


def counted(step: float, *, hole: bool) -> str:
    if not hole:
        return f"0+{step}x{STEPS}"
    return f"0+{step}x159 {HOLE} {step * 200}+{step}x{STEPS - 200}"


def priced() -> TokenCost:
    steps = 3600 / STEP
    whole = [sum(getattr(load, name) for load in NODES.values()) for name in ("joules", "prompt", "completion")]
    return token_cost(
        Window(3600.0, whole[0] * steps, int(whole[1] * steps), int(whole[2] * steps)), PRICES, len(NODES)
    )


def expected() -> dict[str, float]:
    cost = priced()
    assert cost.total_per_million is not None
    assert cost.joules_per_token is not None
    prompt, completion = (sum(getattr(load, name) for load in NODES.values()) for name in ("prompt", "completion"))
    prefill, decode = (sum(getattr(load, name) for load in NODES.values()) for name in ("prefill", "decode"))
    whole = cost.total_per_million * (prompt + completion) / MILLION  # of one step
    labels = '{currency="USD"}'
    return {
        f"freehold:cost_per_hour{labels}": cost.hardware + (cost.energy or 0.0),
        f"freehold:hardware_cost_per_hour{labels}": cost.hardware,
        f"freehold:cost_per_million_tokens:1h{labels}": cost.total_per_million,
        f"freehold:cost_per_million_input_tokens:1h{labels}": whole * prefill / (prefill + decode) / prompt * MILLION,
        f"freehold:cost_per_million_output_tokens:1h{labels}": whole
        * decode
        / (prefill + decode)
        / completion
        * MILLION,
        f"freehold:cost_per_million_tokens:1d{labels}": cost.total_per_million,
        "freehold:joules_per_token:ratio1h": cost.joules_per_token,
        "freehold:joules_per_token:ratio5m": cost.joules_per_token,
    }


SIX_DIGITS = 1e-6
"""Floating point sums in another order."""

EDGES = 0.04
"""At each edge of what was seen, hardware is counted for a minute more than rates over two minutes count tokens."""


def asked(name: str, value: float | None, within: float) -> dict[str, object]:
    """One question and its answer; no sample is expected where ``value`` is none."""
    metric = name.partition("{")[0]
    near = [] if value is None else [{"labels": name.removeprefix(metric) or "{}", "value": 1}]
    expr = metric if value is None else f"abs({metric} / {value!r} - 1) < bool {within}"
    return {"expr": expr, "eval_time": f"{HOURS * 60 - 1}m", "exp_samples": near}


def judged(folder: Path, given: dict[str, str], answers: dict[str, float | None], within: float = SIX_DIGITS) -> str:
    """promtool's words; empty where all is as expected."""
    names = ("runtime", "gpu", "energy", "cost")
    page = {
        "rule_files": [str(RULES / f"{name}.yml") for name in names],
        "evaluation_interval": f"{STEP}s",
        "group_eval_order": [f"freehold-{name}-recorded" for name in names],
        "tests": [
            {
                "interval": f"{STEP}s",
                "input_series": [{"series": name, "values": values} for name, values in given.items()],
                "promql_expr_test": [asked(name, value, within) for name, value in answers.items()],
            }
        ],
    }
    path = folder / "cost.yml"
    path.write_text(json.dumps(page), encoding="utf-8")  # JSON is YAML
    done = promtool("test", "rules", path)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_a_million_tokens_cost_what_the_method_says(tmp_path: Path) -> None:
    whole = {name: value for name, value in expected().items() if ":1d" not in name}
    assert judged(tmp_path, series(hole=False), {**whole}) == ""


def test_a_day_of_which_two_hours_were_seen_has_their_price(tmp_path: Path) -> None:
    name = 'freehold:cost_per_million_tokens:1d{currency="USD"}'
    assert judged(tmp_path, series(hole=False), {name: expected()[name]}, EDGES) == ""


def test_a_hole_in_what_was_seen_bends_no_price(tmp_path: Path) -> None:
    wanted = {name: value for name, value in expected().items() if "per_million_tokens" in name or "ratio1h" in name}
    assert judged(tmp_path, series(hole=True), {**wanted}, EDGES) == ""


@pytest.mark.parametrize("name", [name for name in CONSTANTS if "node{" not in name and "maintenance" not in name])
def test_without_a_price_there_is_no_cost(tmp_path: Path, name: str) -> None:
    given = {one: values for one, values in series(hole=False).items() if one != name}
    assert judged(tmp_path, given, {"freehold:cost_per_million_tokens:1h": None, "freehold:cost_per_hour": None}) == ""


def test_without_tokens_there_is_no_price_of_one(tmp_path: Path) -> None:
    given = {name: f"5x{STEPS}" if "tokens_total" in name else values for name, values in series(hole=False).items()}
    names = ("cost_per_million_tokens:1h", "cost_per_million_input_tokens:1h", "joules_per_token:ratio5m")
    assert judged(tmp_path, given, {f"freehold:{name}": None for name in names}) == ""


def test_another_price_would_be_found(tmp_path: Path) -> None:
    """The positive control."""
    wrong = {name: value * 1.001 for name, value in expected().items()}
    assert "FAILED" in judged(tmp_path, series(hole=False), {**wrong})
