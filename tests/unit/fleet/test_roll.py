"""Batches, and the ledger that converges share: who may fail, and when the rest is left untouched."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.errors import PartialError, RefusedError
from freehold.fleet import roll
from freehold.fleet.roll import Batch, Ledger

HOSTS = ["a", "b", "c", "d", "e"]


def test_the_canary_goes_first_and_the_rest_in_batches() -> None:
    assert roll.order(HOSTS, "c", 2) == (Batch(("c",), canary=True), Batch(("a", "b")), Batch(("d", "e")))


def test_without_a_canary_the_first_host_is_it() -> None:
    assert [batch.hosts for batch in roll.order(HOSTS[:3], None, 1)] == [("a",), ("b",), ("c",)]
    assert roll.order([], None, 1) == ()


def test_a_canary_that_is_not_in_this_roll_gives_its_place_to_the_first() -> None:
    assert roll.order(["a", "b"], "z", 4)[0] == Batch(("a",), canary=True)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.of(tmp_path, "test")


def test_with_a_limit_of_none_the_first_failure_stops_the_roll(ledger: Ledger) -> None:
    ledger.begin(0)
    assert not ledger.tolerates("a", "CONVERGE_FAILED: task x")
    with pytest.raises(RefusedError, match="ROLL_STOPPED") as caught:
        ledger.refuse_if_stopped("b")
    assert "a: CONVERGE_FAILED" in caught.value.found


def test_failures_within_the_limit_let_the_roll_go_on_and_are_told_at_its_end(ledger: Ledger) -> None:
    ledger.begin(1)
    assert ledger.tolerates("a", "CONVERGE_FAILED: task x\nmore")
    ledger.refuse_if_stopped("b")
    with pytest.raises(PartialError, match="ROLL_INCOMPLETE") as caught:
        roll.close(ledger, "test")
    assert caught.value.found == "a: CONVERGE_FAILED: task x"


def test_one_more_than_the_limit_stops_it(ledger: Ledger) -> None:
    ledger.begin(1)
    assert [ledger.tolerates(host, "x") for host in ("a", "b")] == [True, False]
    with pytest.raises(RefusedError):
        ledger.refuse_if_stopped("c")


def test_a_new_roll_forgets_the_failures_of_the_last(ledger: Ledger) -> None:
    ledger.begin(0)
    ledger.tolerates("a", "x")
    ledger.begin(0)
    ledger.refuse_if_stopped("a")
    assert roll.close(ledger, "test") == {"failed": 0}


def test_a_converge_by_hand_is_no_part_of_a_roll(ledger: Ledger) -> None:
    ledger.begin(3)
    ledger.finish()
    assert not ledger.tolerates("a", "x")
