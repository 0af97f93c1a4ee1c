"""Numbers as people read them, and nothing where nothing is known."""

from __future__ import annotations

import math

import pytest

from freehold.report import number
from freehold.report.model import Unit


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0, Unit.NUMBER, "0"),
        (9412, Unit.NUMBER, "9,412"),
        (72_300_000, Unit.NUMBER, "72.3 M"),
        (0.00042, Unit.NUMBER, "0.00042"),
        (-3, Unit.NUMBER, "\N{MINUS SIGN}3"),
        (0.0512, Unit.RATIO, "5.12 %"),
        (1, Unit.RATIO, "100 %"),
        (5231, Unit.WATTS, "5.23 kW"),
        (690, Unit.WATTS, "690 W"),
        (0.25, Unit.JOULES, "250 mJ"),
        (3_600_000, Unit.JOULES, "3.6 MJ"),
        (61, Unit.CELSIUS, "61 °C"),
        (141 * 1024**3, Unit.BYTES, "141 GiB"),
        (1023, Unit.BYTES, "1,023 B"),
        (4.4e9, Unit.BYTES_PER_SECOND, "4.1 GiB/s"),
        (1.98e9, Unit.HERTZ, "1.98 GHz"),
        (0.0147, Unit.PER_SECOND, "0.0147 /s"),
        (28_400, Unit.TOKENS_PER_SECOND, "28.4 k tok/s"),
        (0.0000005, Unit.SECONDS, "0.5 µs"),
        (0.213, Unit.SECONDS, "213 ms"),
        (59, Unit.SECONDS, "59 s"),
        (250, Unit.SECONDS, "4 min 10 s"),
        (19_200, Unit.SECONDS, "5 h 20 min"),
        (86_400 * 3 + 4 * 3600, Unit.SECONDS, "3 d 4 h"),
        (7.57, Unit.TIME_AGO, "8 s ago"),
        (3, Unit.STATE, "3"),
    ],
)
def test_a_figure_has_its_unit_and_three_figures(value: float, unit: Unit, shown: str) -> None:
    assert number.text(value, unit).replace(number.NARROW, " ") == shown


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (2.7391, 4, "2.74 EUR"),
        (0.00842, 4, "0.0084 EUR"),
        (0.0001234, None, "0.000123 EUR"),
        (310000, 2, "310,000 EUR"),
        (0, 4, "0.00 EUR"),
    ],
)
def test_money_is_written_as_prices_are(value: float, decimals: int | None, shown: str) -> None:
    assert number.text(value, Unit.MONEY, decimals=decimals, currency="EUR").replace(number.NARROW, " ") == shown


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize("value", [None, math.nan])
def test_what_is_missing_is_never_a_zero(value: float | None, unit: Unit) -> None:
    assert number.text(value, unit) == "not known"


@pytest.mark.parametrize("unit", list(Unit))
def test_every_unit_takes_every_finite_number(unit: Unit) -> None:
    for value in (0.0, 5e-324, 1e-9, 0.3, 1, 999.96, 1e6, 1.7e308, -1e-9, -42):
        assert number.text(value, unit)


def test_infinity_is_said() -> None:
    assert number.text(math.inf, Unit.MONEY) == "infinite"
    assert number.text(-math.inf, Unit.MONEY) == "below all bounds"


@pytest.mark.parametrize(
    ("values", "unit", "shown"),
    [
        ([0, 0.25, 0.5], Unit.RATIO, ["0", "25 %", "50 %"]),
        ([0, 2500, 5000], Unit.WATTS, ["0", "2.5 kW", "5.0 kW"]),
        ([40, 60], Unit.CELSIUS, ["40 °C", "60 °C"]),
        ([0, 0.2, 0.4], Unit.SECONDS, ["0", "200 ms", "400 ms"]),
        ([0, 120, 240], Unit.SECONDS, ["0", "2 min", "4 min"]),
        ([0, 20, 40], Unit.MONEY, ["0", "20 EUR", "40 EUR"]),
        ([-5, 0, 5], Unit.NUMBER, ["\N{MINUS SIGN}5", "0", "5"]),
    ],
)
def test_ticks_share_a_prefix_and_decimals(values: list[float], unit: Unit, shown: list[str]) -> None:
    assert [label.replace(number.NARROW, " ") for label in number.axis(values, unit, "EUR")] == shown
