"""One converge a host: the second is told who holds it; the lock ends with its holder."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path

import pytest

from freehold.errors import LockedError
from freehold.fleet import lock


def test_the_second_is_told_who_where_and_since_when(tmp_path: Path) -> None:
    with (
        lock.held(tmp_path, "gpu1", "converge"),
        pytest.raises(LockedError) as caught,
        lock.held(tmp_path, "gpu1", "x"),
    ):
        pass
    assert f"converge by {getpass.getuser()} on " in caught.value.found
    assert f"process {os.getpid()}, since 20" in caught.value.found
    assert caught.value.exit_code == 6


def test_another_host_is_not_concerned(tmp_path: Path) -> None:
    with lock.held(tmp_path, "gpu1", "converge"), lock.held(tmp_path, "gpu2", "converge"):
        pass


def test_it_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with lock.held(tmp_path, "gpu1", "converge"):
            pass


def test_what_a_killed_holder_left_behind_does_not_lock(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "gpu1.lock").write_text('{"who": "a ghost"}')
    with lock.held(tmp_path, "gpu1", "converge"):
        pass


def test_all_or_none_are_taken(tmp_path: Path) -> None:
    with lock.held(tmp_path, "gpu2", "converge"):
        taken, errors = lock.take_all(tmp_path, ["gpu1", "gpu2"], "by hand")
        assert (taken, [error.subject for error in errors]) == ({}, ["gpu2"])
        assert lock.look(tmp_path, ["gpu1", "gpu3"]) == []
        assert [error.subject for error in lock.look(tmp_path, ["gpu1", "gpu2"])] == ["gpu2"]


def test_a_descriptor_from_the_parent_counts_only_for_its_own_host(tmp_path: Path) -> None:
    with lock.held(tmp_path, "gpu1", "converge") as descriptor, lock.held(tmp_path, "gpu2", "converge"):
        given = {lock.HELD: json.dumps({"gpu1": descriptor, "gpu2": descriptor})}
        assert lock.inherited(tmp_path, "gpu1", given)
        assert not lock.inherited(tmp_path, "gpu2", given)
        assert not lock.inherited(tmp_path, "gpu1", {})
        assert not lock.inherited(tmp_path, "gpu1", {lock.HELD: "no JSON"})
    assert not lock.inherited(tmp_path, "gpu1", given)


def test_the_domain_is_of_host_and_folder(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("0123\n")
    assert lock.domain(tmp_path) == lock.domain(tmp_path / "x" / "..")
    assert len({lock.domain(tmp_path), lock.domain(tmp_path / "other"), lock.domain(tmp_path, tmp_path / "id")}) == 3
