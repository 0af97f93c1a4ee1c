"""One converge a host: the second is told who holds it; the lock ends with its holder."""

from __future__ import annotations

import getpass
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
