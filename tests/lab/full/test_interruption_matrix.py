"""Fifty points of interruption, all over the runs of Pulumi and of hands, alone and one after the other."""

import random

import pytest
from tests.lab import interruption
from tests.lab.interrupting import Interrupting

POINTS = 50
SEED = interruption.seed()
GROUPS = list(interruption.groups(random.Random(SEED), POINTS, interruption.tasks("gpu1")))  # noqa: S311  points of a test, no secret


@pytest.mark.parametrize("number", range(len(GROUPS)), ids=[f"{SEED}-{n}" for n in range(len(GROUPS))])
def test_after_each_group_of_kills_one_run_converges(interrupting: Interrupting, number: int) -> None:
    """Every other group is on the way to the other configuration, so that each has something to do."""
    config = (interrupting.changed, interrupting.original)[number % 2]
    for point in GROUPS[number]:
        interrupting.interrupt(point, config)
    interrupting.converges(config)
