"""Counters of processes that restart add up to a window that does not."""

from dataclasses import replace
from pathlib import Path

from freehold.status import counters
from freehold.status.counters import Reading

FIRST = Reading(at=100, joules=5000, energy_id="gpus", prompt_tokens=40, completion_tokens=10, tokens_id="a")
LATER = replace(FIRST, at=160, joules=5600, prompt_tokens=50, completion_tokens=30)


def test_only_what_came_after_the_first_reading_counts() -> None:
    tally = counters.add(counters.begin(FIRST), LATER)
    assert (tally.seconds, tally.joules, tally.prompt_tokens, tally.completion_tokens) == (60, 600, 10, 20)


def test_a_restarted_gateway_counts_from_zero() -> None:
    restarted = replace(LATER, prompt_tokens=3, completion_tokens=2, tokens_id="b")
    tally = counters.add(counters.begin(FIRST), restarted)
    assert (tally.prompt_tokens, tally.completion_tokens) == (3, 2)


def test_an_energy_counter_that_restarted_leaves_its_stretch_out() -> None:
    tally = counters.add(counters.begin(FIRST), replace(LATER, joules=1))
    assert (tally.seconds, tally.joules) == (0, 0)


def test_a_kept_tally_comes_back_and_a_damaged_one_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "gpu1.json"
    tally = counters.add(counters.begin(FIRST), LATER)
    counters.save(path, tally)
    assert counters.load(path) == tally
    path.write_text('{"since": 1}')
    assert counters.load(path) is None


def test_samples_are_summed_by_name_and_label() -> None:
    text = '# TYPE t counter\nt_total{a="x",b="1"} 2\nt_total{a="x",b="2"} 3\nt_total{a="y"} 7\n'
    assert counters.total(text, "t_total", a="x") == 5
    assert counters.total(text, "absent") is None


def test_a_counter_without_total_in_its_name_is_found_by_its_own_name() -> None:
    text = '# TYPE DCGM_ENERGY counter\nDCGM_ENERGY{gpu="0"} 5\nDCGM_ENERGY{gpu="1"} 7\n'
    assert counters.total(text, "DCGM_ENERGY") == 12
    assert [each["gpu"] for each in counters.labels(text, "DCGM_ENERGY")] == ["0", "1"]
