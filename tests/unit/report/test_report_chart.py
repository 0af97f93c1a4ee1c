"""Charts: a gap stays a gap, what is left out is said, and a small one looks as it did."""

from __future__ import annotations

from pathlib import Path

from freehold.report import bands, chart, words
from freehold.report.answers import Track
from freehold.report.chart import Line
from freehold.report.model import Step, Unit, Word
from freehold.report.span import BY_ID, Span

GOLDEN = Path(__file__).with_name("golden.svg.html")
WORDS = (Word(0, "ok", "good"), Word(1, "broken", "bad"))


def line(name: str, *points: float | None, group: int = 0) -> Line:
    return Line(name, Track({"name": name}, points), group=group)


def test_a_gap_in_the_data_is_a_gap_in_the_line() -> None:
    assert chart.path([1, 2, None, 3, 3], round) == "M0 1l250 1M750 3h250"


def test_a_point_between_two_gaps_is_a_dot() -> None:
    assert chart.path([None, 5, None], round) == "M500 5h0"


def test_nothing_at_all_is_no_line() -> None:
    assert chart.path([None, None], round) == ""


def test_eight_lines_are_drawn_and_of_nine_the_four_with_the_highest_peaks() -> None:
    lines = [line(f"gpu{index}", 1, index, 1) for index in range(9)]
    assert len(chart.choose(lines[:8]).lines) == 8
    chosen = chart.choose(lines)
    assert [one.name for one in chosen.lines] == ["gpu5", "gpu6", "gpu7", "gpu8"]
    assert len(chosen.rest) == 5


def test_of_two_questions_each_is_drawn_though_one_is_far_above() -> None:
    core = [line(f"core{index}", 1.0 + index) for index in range(6)]
    memory = [line(f"memory{index}", 90.0 + index, group=1) for index in range(6)]
    assert [one.name for one in chart.choose(core + memory).lines] == ["core4", "core5", "memory4", "memory5"]


def test_the_rest_is_one_band_with_its_gaps() -> None:
    lines = [line(f"gpu{index}", index, None, index, index) for index in range(9)]
    drawn = chart.draw(chart.choose(lines), Span.of(BY_ID["1h"], 1_790_000_000, 4), Unit.NUMBER, label="x")
    assert "<title>5 more</title>" in drawn
    band = drawn.split("5 more")[0].rsplit('d="', 1)[1].split('"')[0]
    assert band.count("M") == band.count("Z") == 2


def test_a_constant_has_no_small_line() -> None:
    assert chart.spark([5, 5, None, 5]) is None
    assert chart.spark([]) is None
    assert chart.spark([5, 6]) is not None


def test_a_threshold_is_drawn_only_inside_the_chart() -> None:
    span = Span.of(BY_ID["1h"], 1_790_000_000, 2)
    steps = (Step(0, "good"), Step(5, "look"), Step(500, "bad"))
    drawn = chart.draw(chart.choose([line("a", 1, 9)]), span, Unit.NUMBER, label="x", steps=steps)
    assert 'class="limit look"' in drawn
    assert 'class="limit bad"' not in drawn


def test_a_band_tells_its_states_in_order_and_the_last_in_a_word() -> None:
    drawn = bands.draw([line("gpu1", 0, 0, 1, None)], Span.of(BY_ID["1h"], 1_790_000_000, 4), WORDS)
    assert 'aria-label="gpu1: ok, then broken"' in drawn
    assert "not known" in drawn  # the series ended
    assert [
        (piece.first, piece.last, piece.word.text) for piece in bands.pieces(Track({}, (0, 0, 1, None)), WORDS)
    ] == [
        (0, 1, "ok"),
        (2, 2, "broken"),
    ]


def test_states_differ_in_more_than_their_colour() -> None:
    assert len(set(bands.HEIGHTS.values())) == len(bands.HEIGHTS)
    assert len(set(words.DRAWN.values())) == 4


def test_bands_that_are_left_out_are_counted() -> None:
    many = [line(f"gpu{index}", 0, 0) for index in range(bands.MOST_BANDS + 3)]
    drawn = bands.draw(many, Span.of(BY_ID["1h"], 1_790_000_000, 2), WORDS)
    assert "3 more bands are left out: none of them was worse." in drawn


def test_of_many_bands_those_that_were_worst_are_kept() -> None:
    """The one node of a hundred that is broken must not be the one that is left out."""
    many = [line(f"gpu{index}", 0, 1 if index == 98 else 0) for index in range(100)]
    many[55] = line("gpu55", 0, None)
    drawn = bands.draw(many, Span.of(BY_ID["1h"], 1_790_000_000, 2), WORDS)
    assert 'aria-label="gpu98: ok, then broken"' in drawn
    assert ">gpu55<" in drawn
    assert ">gpu22<" not in drawn


def test_lines_of_a_large_fleet_are_chosen_soon() -> None:
    """The work does not grow as the square of the lines: 800 GPUs once took ten seconds."""
    looked = 0

    class Counted(float):
        def __lt__(self, other: object) -> bool:
            nonlocal looked
            looked += 1
            return float(self) < float(other)  # type: ignore[arg-type]  # compared with its like only

        def __neg__(self) -> Counted:
            return Counted(-float(self))

    chart.choose([line(f"gpu{index}", Counted(index % 97)) for index in range(800)])
    assert looked < 800 * 40


def test_a_small_chart_looks_as_it_did() -> None:
    span = Span.of(BY_ID["1h"], 1_790_000_100, 7)
    chosen = chart.choose([line("gpu1", 100, 140, None, 260, 250, 250, 310), line("gpu2", 0, 0, 20, 20, None, 80, 60)])
    drawn = chart.draw(chosen, span, Unit.WATTS, label="Power, last hour: 2 series from 0 W to 310 W")
    assert drawn.replace("><", ">\n<") + "\n" == GOLDEN.read_text(encoding="utf-8")
