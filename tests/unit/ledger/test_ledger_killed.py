"""Killed in the middle of its work, by SIGKILL, again and again: what left is never more than what is on record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.ledger.killed import CAPS
from tests.unit.ledger.world import START_MS, Time, World, chance

from freehold.ledger.audit import audit
from freehold.ledger.caps import Amount, spent
from freehold.ledger.periods import day
from freehold.ledger.store import Store
from freehold.paths import PROJECT

ROUNDS = 4
LONGEST_SECONDS = 60


def killed(folder: Path, role: str, seed: int, statement: int) -> list[tuple[str, str, Amount]]:
    """Run until it is killed, and return what left the process before that."""
    paths = os.pathsep.join((str(PROJECT), str(PROJECT / "python")))
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.ledger.killed", str(folder), role, str(seed), str(statement)],
        cwd=PROJECT, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, check=False,
        timeout=LONGEST_SECONDS,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    return [(what, name, Amount(*amounts)) for what, name, *amounts in map(json.loads, done.stdout.splitlines())]


def most(said: list[tuple[str, str, Amount]]) -> int:
    """The nano-USD that may have been spent: what was used where that is known, the worst case elsewhere."""
    worst = {name: amount.nano_usd for what, name, amount in said if what == "sent"}
    return sum({**worst, **{name: amount.nano_usd for what, name, amount in said if what == "used"}}.values())


def rounds(folder: Path, role: str, seed: int) -> Iterator[list[tuple[str, str, Amount]]]:
    """Kill it a few times over one ledger; after each, all that has left so far."""
    folder.chmod(0o700)
    with Store.open(folder / "ledger.sqlite3") as store:
        World(store, Time(START_MS)).key()
    left: list[tuple[str, str, Amount]] = []
    for number in range(seed * ROUNDS, (seed + 1) * ROUNDS):
        (folder / "now").write_text(str(START_MS + number), encoding="ascii")
        left += killed(folder, role, number, chance(number).randrange(40, 900))
        yield left
    assert len(left) > ROUNDS


@pytest.mark.parametrize("role", ["gateway", "authority"])
@pytest.mark.parametrize("seed", range(2))
def test_what_left_before_a_kill_is_on_record_and_within_the_caps(tmp_path: Path, role: str, seed: int) -> None:
    for left in rounds(tmp_path, role, seed):
        with Store.open(tmp_path / "ledger.sqlite3") as store, store.reading() as connection:
            assert most(left) <= spent(connection, "day", day(START_MS)).nano_usd <= CAPS.nano_usd_per_day
    with Store.open(tmp_path / "ledger.sqlite3") as store:
        World(store, Time(START_MS + 100), CAPS).frontier.recover()
        assert audit(store) == []


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_holder_reports_at_least_what_left_and_at_most_what_it_held(tmp_path: Path, seed: int) -> None:
    for left in rounds(tmp_path, "holder", seed):
        with Store.open(tmp_path / "ledger.sqlite3") as store:
            world = World(store, Time(START_MS + 100), None)
            world.frontier.recover()
            reports = world.frontier.holdings.reports()
            assert all(report.final for report in reports)
            assert all(report.spent.tokens <= 100 and report.spent.nano_usd <= 1000 for report in reports)
            assert most(left) <= sum(report.spent.nano_usd for report in reports)
            assert audit(store) == []
