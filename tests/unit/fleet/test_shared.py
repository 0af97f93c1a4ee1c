"""A state folder that its group may write stays so, whoever is first; a closed one is told and is no traceback."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import FreeholdError, LockedError
from freehold.fleet import lock, record, roll, shared

OTHERS = 65534  # nobody's; not this test's


def work(state: Path) -> str:
    """What a converge does in the state folder; what it said."""
    try:
        with lock.held(state, "gpu1", "converge"):
            roll.Ledger.of(state, "rack1").begin(0)
            record.write(record.path_of(state, "rack1", "gpu1"), record.Record(3))
    except FreeholdError as error:
        return error.code
    return f"locked: {lock.look(state, ['gpu1'])}"


def as_another(work: Callable[[], str], groups: list[int]) -> str:
    """What ``work`` returns to another user: in a fork, for another user may not start this Python anew."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(groups)
            os.setresgid(OTHERS, OTHERS, OTHERS)
            os.setresuid(OTHERS, OTHERS, OTHERS)
            os.write(writer, work().encode())
        except BaseException as error:  # noqa: BLE001  the child must not go on as a second test run
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as stream:
        return stream.read().decode()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A folder as docs/operations.md has it made."""
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o2770)
    return folder


def let_others_through(state: Path) -> None:
    """Every folder above that is the test run's own."""
    for above in state.parents:
        if above == Path(tempfile.gettempdir()):
            break
        above.chmod(0o755)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_in_a_shared_folder_locks_ledger_and_folders_are_the_groups(state: Path) -> None:
    with lock.held(state, "gpu1", "converge"):
        roll.Ledger.of(state, "rack1").begin(0)
        record.write(record.path_of(state, "rack1", "gpu1"), record.Record())
    assert mode(state / "locks" / "gpu1.lock") == 0o660
    assert mode(state / "rolls" / "rack1.json") == 0o660
    made = [state / name for name in (*shared.FOLDERS, "converged/rack1")]
    assert {mode(folder) for folder in made} == {0o2770}


def test_in_ones_own_they_stay_ones_own(tmp_path: Path) -> None:
    with lock.held(tmp_path, "gpu1", "converge"):
        roll.Ledger.of(tmp_path, "rack1").begin(0)
    assert mode(tmp_path / "locks" / "gpu1.lock") == 0o600
    assert mode(tmp_path / "rolls" / "rack1.json") == 0o600
    assert not (tmp_path / "runs").exists()


def test_who_may_not_read_a_lock_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> int:
        raise PermissionError(13, "Permission denied")

    with lock.held(tmp_path, "gpu1", "converge"):
        pass
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    taken, errors = lock.take_all(tmp_path, ["gpu1"], "by hand")
    assert taken == {}
    for error in (*errors, *lock.look(tmp_path, ["gpu1"])):
        assert error.code == "STATE_CLOSED"
        assert error.subject == str(tmp_path / "locks" / "gpu1.lock")
        assert f"find {tmp_path} -type d -exec chmod g+s {{}} +" in error.fix
    with pytest.raises(LockedError, match="STATE_CLOSED"):
        roll.Ledger.of(tmp_path, "rack1").begin(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
@pytest.mark.parametrize(("folder_mode", "says"), [(0o2770, "locked: []"), (0o755, "STATE_CLOSED")])
def test_two_users_of_one_group(state: Path, folder_mode: int, says: str) -> None:
    state.chmod(folder_mode)
    let_others_through(state)
    assert work(state) == "locked: []"
    assert as_another(lambda: work(state), [os.getegid()]) == says
    assert as_another(lambda: work(state.with_name("none")), []).startswith("STATE_CLOSED")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_what_another_users_killed_run_left_is_out_of_the_way(state: Path) -> None:
    left = state / "runs" / "gpu1"
    left.mkdir(parents=True)
    os.chown(left, OTHERS, OTHERS)
    with lock.held(state, "gpu1", "converge"):
        assert not left.exists()
    left.mkdir()
    with lock.held(state, "gpu1", "converge"):
        assert left.is_dir()
