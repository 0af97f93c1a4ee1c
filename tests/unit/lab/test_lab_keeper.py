from __future__ import annotations

from collections.abc import Iterator

import pytest

from freehold.lab import keeper


@pytest.mark.parametrize(("status", "again"), [(133, True), (0, False), (1, False), (-9, False), (125, False)])
def test_only_a_reboot_from_inside_starts_the_node_again(status: int, again: bool) -> None:  # noqa: FBT001
    assert keeper.starts_again(status) is again


def test_two_reboots_and_a_shutdown_are_three_boots_with_the_rest_ended_after_each() -> None:
    ends, done = iter([133, 133, 0]), list[str]()
    status = keeper.keep(lambda: _boot(ends, done), lambda: done.append("end"))
    assert (status, done) == (0, ["boot", "end"] * 3)


def test_a_killed_nspawn_leaves_the_node_off_and_its_processes_ended() -> None:
    done = list[str]()
    assert keeper.keep(lambda: _boot(iter([-9]), done), lambda: done.append("end")) == -9
    assert done == ["boot", "end"]


def _boot(ends: Iterator[int], done: list[str]) -> int:
    done.append("boot")
    return next(ends)
