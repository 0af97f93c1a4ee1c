"""The one writer of Prometheus' text format: what is written is what prometheus_client's parser reads."""

from __future__ import annotations

import math
import random
import struct

import pytest
from prometheus_client.parser import text_string_to_metric_families

from freehold.exporter.described import Described
from freehold.exporter.exposition import encoded, family, labels, number

ONE = Described("one", "gauge", "", "One.")
NASTY = 'a "quoted" \\ back\\nslash\nand a line, {x="y"} 7'


def _read(text: str) -> list[tuple[dict[str, str], float]]:
    return [(sample.labels, sample.value) for each in text_string_to_metric_families(text) for sample in each.samples]


def _value(value: float) -> float:
    ((_, read),) = _read(family(ONE, [("", value)]))
    return float(read)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (True, "1"),
        (False, "0"),
        (7.0, "7"),
        (-3.0, "-3"),
        (0.1, "0.1"),
        (1 / 3, "0.3333333333333333"),
        (1_800_000_000.25, "1800000000.25"),
        (2**63 + 1, "9223372036854775809"),
        (2.0**53, "9007199254740992.0"),
        (1e300, "1e+300"),
        (5e-324, "5e-324"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_a_number_has_one_form(value: float, text: str) -> None:
    assert number(value) == text


def test_every_float_and_every_counter_reads_back_as_itself() -> None:
    dice = random.Random(20261122)  # noqa: S311  nothing is kept secret with it
    floats = [struct.unpack("<d", struct.pack("<Q", dice.getrandbits(64)))[0] for _ in range(5000)]
    for value in [*floats, *(dice.uniform(-1e6, 1e6) for _ in range(5000))]:
        assert math.isnan(value) or float(number(value)) == value
    for whole in (dice.getrandbits(64) for _ in range(1000)):
        assert int(number(whole)) == whole


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e16 + 2, 2**60, math.inf, -math.inf, -1.5e-7])
def test_prometheus_own_parser_reads_the_same(value: float) -> None:
    assert _value(value) == value


def test_not_a_number_is_read_as_such() -> None:
    assert math.isnan(_value(math.nan))


@pytest.mark.parametrize("nasty", [NASTY, "\\", '"', "\n", "\\n", "ü\t", "", "}", '\\\\\n"'])
def test_a_label_and_a_help_say_what_they_were_given(nasty: str) -> None:
    one = Described("one", "gauge", "", f"x{nasty}x")
    (found,) = text_string_to_metric_families(family(one, [(labels({"a": nasty, "b": "x"}), 1)]))
    assert found.documentation == one.help
    assert found.samples[0].labels == {"a": nasty, "b": "x"}


def test_what_is_no_character_does_not_keep_the_page_from_being_sent() -> None:
    text = family(ONE, [(labels({"service": "a\udcff.service"}), 1)])
    assert _read(encoded(text).decode()) == [({"service": "a?.service"}, 1.0)]


def test_a_metric_without_values_is_not_named_at_all() -> None:
    assert family(ONE, []) == family(ONE, [("", None)]) == ""


def test_a_value_that_is_missing_costs_its_own_row_only() -> None:
    assert _read(family(ONE, [('{a="1"}', None), ('{a="2"}', 2)])) == [({"a": "2"}, 2.0)]
