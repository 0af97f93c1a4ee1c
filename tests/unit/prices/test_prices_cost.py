"""A call's cost is whole nano-dollars, by its own prompt's step, by the day's price, and never below the truth."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from tests.unit.prices.conftest import NOW

from freehold.errors import RefusedError
from freehold.prices.cost import Counts, cost, worst_case
from freehold.prices.model import ModelPrices, Price
from freehold.prices.rate import Rate, dearest

STEPPED = Rate(1_000_000, ((200_000, 2_000_000),))


@dataclass(frozen=True)
class Answered:
    prompt: int
    cached: int
    completion: int


def model(*prices: Price) -> ModelPrices:
    return ModelPrices("one", "small", prices)


def test_tokens_times_price_in_nano_dollars(plain: ModelPrices) -> None:
    assert cost(plain, Counts.of(Answered(1_000_000, 0, 1_000_000), written=0), NOW) == 3 * 10**9


def test_a_part_of_a_nano_dollar_is_a_whole_one() -> None:
    assert cost(model(Price(Rate(1), Rate(1))), Counts(1, 0, written=0), NOW) == 1
    assert cost(model(Price(Rate(1), Rate(1))), Counts(1_000, 1, written=0), NOW) == 2


def test_cached_and_written_tokens_have_their_own_price() -> None:
    prices = model(Price(Rate(1_000), Rate(0), Rate(100), Rate(1_250), Rate(2_000)))
    assert cost(prices, Counts(100, 0, cached=40, written=10, written_hour=5), NOW) == 45 + 4 + 13 + 10


def test_what_is_not_said_to_be_written_has_the_dearest_price() -> None:
    prices = model(Price(Rate(1_000), Rate(0), Rate(100), Rate(1_250), Rate(2_000)))
    assert cost(prices, Counts(100, 0, cached=40), NOW) == 60 * 2 + 4


def test_without_a_price_for_the_cache_its_tokens_cost_as_others_do(plain: ModelPrices) -> None:
    assert cost(plain, Counts(10, 0, cached=5, written=5), NOW) == cost(plain, Counts(10, 0, written=0), NOW)


def test_media_costs_what_media_costs() -> None:
    prices = model(Price(Rate(1_000), Rate(0), media=Rate(5_000)))
    assert cost(prices, Counts(10, 0, written=0, media=True), NOW) == 50
    assert cost(prices, Counts(10, 0, written=0), NOW) == 10


def test_the_step_is_that_of_this_call_not_of_a_sum() -> None:
    prices = model(Price(STEPPED, STEPPED))
    calls = [Counts(100_000, 0, written=0)] * 10
    assert sum(cost(prices, one, NOW) for one in calls) == 10**9
    assert cost(prices, Counts(1_000_000, 0, written=0), NOW) == 2 * 10**9


@pytest.mark.parametrize(("prompt", "each"), [(200_000, 1_000), (200_001, 2_000)])
def test_a_step_begins_above_its_number_and_holds_for_all_tokens(prompt: int, each: int) -> None:
    assert cost(model(Price(STEPPED, STEPPED)), Counts(prompt, 10, written=0), NOW) == (prompt + 10) * each


def test_a_request_may_cost_by_itself() -> None:
    assert cost(model(Price(Rate(0), Rate(0), request=5_000_000_000)), Counts(0, 0), NOW) == 5_000_000


def test_the_price_is_that_of_the_day_in_utc() -> None:
    prices = model(Price(Rate(1_000), Rate(0)), Price(Rate(3_000), Rate(0), starts=date(2026, 11, 21)))
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    east = timezone(timedelta(hours=5))
    one = Counts(1, 0, written=0)
    assert [cost(prices, one, midnight - timedelta(seconds=1)), cost(prices, one, midnight)] == [1, 3]
    assert cost(prices, one, datetime(2026, 11, 21, 4, tzinfo=east)) == 1


def test_a_call_over_a_change_costs_the_dearer_price() -> None:
    prices = model(Price(Rate(1_000), Rate(0)), Price(Rate(3_000), Rate(0), starts=date(2026, 11, 21)))
    before = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
    assert cost(prices, Counts(1, 0, written=0), before, before + timedelta(minutes=2)) == 3
    assert worst_case(prices, before, prompt=1, completion=0) == 3


@pytest.mark.parametrize(("hour", "price"), [(15, 9), (16, 1), (23, 1), (0, 1), (1, 9)])
def test_prices_of_the_night_pass_midnight(hour: int, price: int) -> None:
    night = Price(Rate(1_000), Rate(0), daily=(time(16), time(1)))
    prices = model(Price(Rate(9_000), Rate(0)), night)
    moment = datetime(2026, 11, 21, hour, tzinfo=UTC)
    assert cost(prices, Counts(1, 0, written=0), moment) == price
    assert worst_case(prices, moment, prompt=1, completion=0) == 9


def test_a_price_that_is_over_does_not_count_in_the_worst_case() -> None:
    dear = Price(Rate(9_000), Rate(0))
    prices = model(dear, Price(Rate(1_000), Rate(0), starts=date(2026, 1, 1)))
    assert worst_case(prices, NOW, prompt=1, completion=0) == 1


def test_the_worst_case_is_the_dearest_step_within_reach_for_every_choice() -> None:
    prices = model(Price(Rate(1_000, ((10, 500),)), Rate(2_000, ((10, 4_000),)), cached=Rate(100)))
    assert worst_case(prices, NOW, prompt=11, completion=5, choices=3) == 11 * 1 + 15 * 4
    assert worst_case(prices, NOW, prompt=10, completion=5) == 10 + 10


def test_no_use_within_the_bound_costs_more_than_the_worst_case() -> None:
    rates = (Rate(1_000, ((5, 3_000),)), Rate(700, ((3, 900), (8, 100))), Rate(2_500))
    prices = model(Price(*rates, Rate(1_300), Rate(2_000, ((7, 4_000),)), request=5))
    bound = worst_case(prices, NOW, prompt=9, completion=4)
    for prompt in range(10):
        for cached in range(prompt + 1):
            for written in (None, 0, prompt - cached):
                assert cost(prices, Counts(prompt, 4, cached, written), NOW) <= bound


@pytest.mark.parametrize("counts", [Counts(-1, 0), Counts(1, -1), Counts(3, 0, cached=4), Counts(3, 0, 2, 2)])
def test_numbers_that_cannot_be_are_refused(plain: ModelPrices, counts: Counts) -> None:
    with pytest.raises(RefusedError, match="PRICE_BAD_USAGE"):
        cost(plain, counts, NOW)


def test_no_price_for_output_is_a_refusal_and_not_zero() -> None:
    prices = model(Price(Rate(1), None))
    assert cost(prices, Counts(1, 0, written=0), NOW) == 1
    with pytest.raises(RefusedError, match="PRICE_UNKNOWN"):
        worst_case(prices, NOW, prompt=1, completion=1)


def test_before_its_first_price_a_model_has_none() -> None:
    prices = model(Price(Rate(1), Rate(1), starts=date(2027, 1, 1)))
    with pytest.raises(RefusedError, match="PRICE_NOT_YET"):
        cost(prices, Counts(1, 1), NOW)
    with pytest.raises(RefusedError, match="PRICE_NOT_YET"):
        worst_case(prices, NOW, prompt=1, completion=1)


def test_a_moment_without_a_zone_is_a_defect(plain: ModelPrices) -> None:
    with pytest.raises(ValueError, match="time zone"):
        cost(plain, Counts(1, 1), NOW.replace(tzinfo=None))


def test_the_dearest_of_two_rates_is_below_neither_anywhere() -> None:
    one, two = Rate(5, ((10, 1), (20, 9))), Rate(3, ((15, 7),))
    both = dearest(one, two)
    assert all(both.at(n) >= max(one.at(n), two.at(n)) for n in range(40))
