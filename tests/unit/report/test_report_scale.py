"""Axes end on round values and hold everything that is drawn."""

from __future__ import annotations

import itertools
import random

import pytest

from freehold.report import scale
from freehold.report.model import Unit
from freehold.report.span import RANGES, Span


@pytest.mark.parametrize("unit", list(Unit))
def test_an_axis_holds_every_value_and_has_few_ticks(unit: Unit) -> None:
    chance = random.Random(7)  # noqa: S311  nothing secret
    for _ in range(300):
        found = [chance.choice((-1, 1, 1, 1)) * 10 ** chance.uniform(-9, 12) for _ in range(3)]
        axis = scale.values(found, unit)
        assert min(axis.place(value) for value in found) >= -1e-6
        assert max(axis.place(value) for value in found) <= 1 + 1e-6
        assert 2 <= len(axis.ticks) <= 7
        assert axis.ticks[0].at == 0
        assert axis.ticks[-1].at == 1


@pytest.mark.parametrize("found", [[], [0.0], [0.0, 0.0], [5.0], [-3.0], [5e-324], [1e300, -1e300]])
def test_an_axis_of_one_value_or_none_has_a_height(found: list[float]) -> None:
    axis = scale.values(found, Unit.WATTS)
    assert axis.low < axis.high


def test_bytes_step_in_powers_of_two_and_long_times_by_the_clock() -> None:
    labels = [tick.label for tick in scale.values([3.1 * 1024**3], Unit.BYTES).ticks]
    assert [label.split("\u202f")[0] for label in labels] == ["0", "1", "2", "3", "4"]
    assert [tick.label for tick in scale.values([170.0], Unit.SECONDS).ticks][1] == "1\u202fmin"


def test_whole_things_have_whole_ticks() -> None:
    assert [tick.label for tick in scale.values([1.0], Unit.NUMBER, whole=True).ticks] == ["0", "1"]
    assert [tick.label for tick in scale.values([1.0], Unit.NUMBER).ticks] == ["0", "0.25", "0.50", "0.75", "1.00"]


def test_a_temperature_need_not_begin_at_zero_but_power_does() -> None:
    assert scale.values([61.0, 66.0], Unit.CELSIUS).low > 50
    assert scale.values([61.0, 66.0], Unit.WATTS).low == 0


@pytest.mark.parametrize("length", RANGES, ids=lambda length: length.id)
def test_moments_are_round_and_few_and_inside(length: object) -> None:
    assert isinstance(length, type(RANGES[0]))
    for minutes in range(0, 3000, 7):
        ticks = scale.moments(Span.of(length, 1_790_000_000.0 + minutes * 60))
        assert 3 <= len(ticks) <= 6
        assert all(0 <= tick.at <= 1 for tick in ticks)
        assert all(before.at < after.at for before, after in itertools.pairwise(ticks))
        assert all(tick.label[-2:] in {"00", "15", "30", "45"} for tick in ticks) or length.seconds > 86400


def test_the_moments_of_a_span_are_whole_seconds_apart_and_end_now() -> None:
    for length in RANGES:
        span = Span.of(length, 1_790_000_000.25)
        assert span.step == int(span.step)
        assert span.moment(span.points - 1) == span.end
        assert [span.index(span.moment(index)) for index in (0, 90, 180)] == [0, 90, 180]
