"""Which scenario of molecule a run of the tests takes: any, but the same one for the same seed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.console import Console

from freehold.lab import raise_, testing


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


@pytest.mark.parametrize(
    ("arguments", "alone"),
    [(["tests/lab/test_node.py::test_x", "-x"], True), (["-k", "drift", "--durations=5"], False), ([], False)],
)
def test_paths_of_tests_run_those_alone(
    arguments: list[str],
    alone: bool,  # noqa: FBT001  a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[list[str]] = []

    def note(words: list[str]) -> int:
        ran.append(list(words))
        return 0

    monkeypatch.setattr(testing, "_pytest", note)
    monkeypatch.setattr(testing, "open_lab", lambda: None)
    monkeypatch.setattr(raise_, "nodes", lambda _: [])
    monkeypatch.setattr(testing, "_molecule", lambda *_: 0)
    monkeypatch.setattr(testing, "up", lambda *_, **__: None)
    testing.run_lab_tests(full=False, keep=True, arguments=arguments, console=Console(quiet=True))
    (words,) = ran
    assert (words == arguments) is alone
    assert words[-len(arguments) :] == arguments or not arguments


def test_molecule_finds_ansible_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "molecule"
    script.write_text(f'#!/bin/sh\nprintf %s "$PATH" > {tmp_path}/path\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert testing._molecule(Console(quiet=True), ["gateway"]) == 0
    assert (tmp_path / "path").read_text().startswith(f"{tmp_path}/bin:")
