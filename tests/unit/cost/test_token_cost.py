"""The cost of a token is arithmetic that a reader can redo by hand."""

import pytest

from freehold.cost.token_cost import Prices, Window, token_cost

PRICES = Prices(currency="USD", electricity_per_kwh=0.20, node_purchase=300_000, years=4, pue=1.3)


def test_a_published_case_comes_out() -> None:
    """MLPerf 5.1 mix: 34,194 tokens/s a node fully used at 10.2 kW and 0.20 USD/kWh is 0.091 USD a million."""
    hour = Window(seconds=3600, joules=10_200 * 3600, prompt_tokens=0, completion_tokens=34_194 * 3600)
    assert token_cost(hour, PRICES, nodes=1).total_per_million == pytest.approx(0.091, abs=0.0005)


def test_hardware_costs_the_same_when_idle() -> None:
    busy = token_cost(Window(60, 1.0, 10, 10), PRICES, nodes=2)
    idle = token_cost(Window(60, 1.0, 0, 0), PRICES, nodes=2)
    assert busy.hardware == idle.hardware > 0


def test_no_tokens_have_no_price() -> None:
    cost = token_cost(Window(60, 1000, 0, 0), PRICES, nodes=1)
    assert (cost.total_per_million, cost.joules_per_token) == (None, None)


def test_energy_over_a_short_window_is_not_priced() -> None:
    short, enough = (token_cost(Window(seconds, 1000, 10, 10), PRICES, nodes=1) for seconds in (9.9, 10.0))
    assert (short.energy, short.total_per_million, short.joules_per_token) == (None, None, None)
    assert short.hardware_per_million is not None
    assert enough.joules_per_token == 50
