"""Which scenario of molecule a run of the tests takes: any, but the same one for the same seed."""

from __future__ import annotations

import pytest
from rich.console import Console

from freehold.lab import testing


def test_the_scenarios_are_found() -> None:
    assert {"base", "gateway", "tunnel", "weights"} <= set(testing.scenarios())


def test_a_seed_repeats_a_choice_and_seeds_reach_all(monkeypatch: pytest.MonkeyPatch) -> None:
    names, seen = ["a", "b", "c"], set()
    for seed in range(1, 40):
        monkeypatch.setenv("FREEHOLD_SEED", str(seed))
        first, again = (testing.chosen(names, Console(quiet=True)) for _ in range(2))
        assert first == again
        seen.update(first)
    assert seen == set(names)
