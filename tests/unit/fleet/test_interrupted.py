"""What a killed `pulumi` left is explained and cleared; a lock whose holder may live is not touched."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import LockedError
from freehold.fleet import interrupted
from freehold.fleet.interrupted import Left, Lock
from freehold.fleet.pulumi_environment import PulumiFolders
from freehold.process import Completed

URN = "urn:pulumi:lab::fleet::freehold:fleet:InferenceNode$command:local:Command::gpu1-converge"


@pytest.fixture
def folders(tmp_path: Path) -> PulumiFolders:
    return PulumiFolders(tmp_path)


def leave_lock(folders: PulumiFolders, process: int, where: str | None = None) -> None:
    """A lock file as the CLI writes it."""
    path = folders.backend / ".pulumi" / "locks" / "organization" / "fleet" / "lab" / "5e1.json"
    path.parent.mkdir(parents=True)
    holder = {"pid": process, "username": "ann", "hostname": where or socket.gethostname()}
    path.write_text(json.dumps({**holder, "timestamp": "2026-11-21T12:24:38.203056337Z"}))


def leave_pending(folders: PulumiFolders) -> None:
    path = folders.backend / ".pulumi" / "stacks" / "fleet" / "lab.json"
    path.parent.mkdir(parents=True)
    pending = [{"resource": {"urn": URN}, "type": "creating"}]
    path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"pending_operations": pending}}}))


class Calls:
    def __init__(self) -> None:
        self.words: list[list[str]] = []

    def __call__(self, args: Sequence[Any], **_: Any) -> Completed:
        self.words.append([str(arg) for arg in args])
        return Completed((), 0, "", "")


def mend(folders: PulumiFolders, calls: Calls) -> list[str]:
    return interrupted.mend(folders, "lab", env={}, cwd=folders.root, runner=calls)


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_where_nothing_is_left_nothing_is_run(folders: PulumiFolders) -> None:
    calls = Calls()
    assert interrupted.look(folders, "lab") == Left()
    assert mend(folders, calls) == []
    assert calls.words == []


def test_the_lock_of_a_process_that_is_gone_is_cleared_and_told(folders: PulumiFolders, dead: int) -> None:
    leave_lock(folders, dead)
    calls = Calls()
    (told,) = mend(folders, calls)
    assert f"process {dead} of ann on {socket.gethostname()}, since 2026-11-21T12:24:38" in told
    assert calls.words == [["pulumi", "cancel", "lab", "--yes"]]


def test_a_number_that_another_program_has_by_now_is_no_holder(folders: PulumiFolders) -> None:
    leave_lock(folders, os.getpid())
    calls = Calls()
    assert not interrupted.runs_here(Lock("ann", socket.gethostname(), os.getpid(), ""))
    assert mend(folders, calls)


def test_a_live_pulumi_keeps_its_lock(folders: PulumiFolders) -> None:
    holder = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()", "pulumi"], stdin=-1, stdout=-1)
    assert holder.stdout
    holder.stdout.readline()
    leave_lock(folders, holder.pid)
    calls = Calls()
    try:
        with pytest.raises(LockedError, match="STACK_LOCKED"):
            mend(folders, calls)
    finally:
        holder.communicate(b"\n")
    assert calls.words == []


def test_a_holder_on_another_host_is_taken_for_alive(folders: PulumiFolders, dead: int) -> None:
    leave_lock(folders, dead, where="elsewhere")
    with pytest.raises(LockedError) as caught:
        mend(folders, Calls())
    assert "elsewhere" in caught.value.found
    assert "pulumi cancel lab --yes" in caught.value.fix


def test_a_cut_off_creation_is_forgotten_and_told(folders: PulumiFolders) -> None:
    leave_pending(folders)
    calls = Calls()
    assert mend(folders, calls) == ["forgot the cut-off creation of gpu1-converge: it is safe to repeat"]
    assert calls.words[0][:3] == ["pulumi", "refresh", "--clear-pending-creates"]
