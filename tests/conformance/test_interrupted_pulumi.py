"""An interrupted Pulumi leaves no command behind: stopped politely, killed, or with its plugin killed first."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.conftest import STAND_IN
from tests.conformance.harness import Stack

from freehold.toolchain import Toolchain

LIMIT_SECONDS = 30.0


def _await(condition: object, what: str) -> None:
    """Wait until ``condition()`` is true; looks twenty times a second."""
    assert callable(condition)
    end = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < end, f"not in {LIMIT_SECONDS} s: {what}"
        signal.sigtimedwait([], 0.05)


def _gone(pid: int) -> bool:
    """Whether a process has ended; a zombie that nobody has fetched yet has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except FileNotFoundError:
        return True
    return state == "Z"


def _children(pid: int) -> list[int]:
    """The processes that any thread of ``pid`` started."""
    listed = [file.read_text().split() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for children in listed for child in children]


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("here", signal.SIGINT),
        ("here", signal.SIGTERM),
        ("here", signal.SIGKILL),
        ("host", signal.SIGINT),
        ("host", signal.SIGKILL),
        ("function", signal.SIGINT),
    ],
    ids=lambda part: part.name if isinstance(part, signal.Signals) else part,
)
def test_no_command_lives_longer_than_pulumi(
    plugin: str, where: str, number: signal.Signals, slow: Callable[[str], Stack]
) -> None:
    if plugin != STAND_IN:
        pytest.skip("the official plugin ends the command itself, and nothing that it started, and nothing on a host")
    stack = slow(where)
    pids = Path(stack.settings["pids"])
    with stack.start("up", "--yes", "--skip-preview") as process:
        _await(pids.exists, "the command runs")
        command, child = map(int, pids.read_text().split())
        assert not _gone(command)
        assert not _gone(child)
        helpers = _children(process.pid)
        os.kill(process.pid, number)
        process.communicate(timeout=LIMIT_SECONDS)
    _await(lambda: _gone(command) and _gone(child), "the command and what it started have ended")
    assert process.returncode != 0
    for helper in helpers:  # Pulumi's own language host looks for a killed engine only every five minutes
        _end(helper)


@pytest.fixture
def slow(toolchain: Toolchain, connection: Mapping[str, Any], tmp_path: Path) -> Callable[[str], Stack]:
    """A stack whose one command would run for minutes."""

    def stack(where: str) -> Stack:
        return Stack.of(toolchain, "slow", tmp_path, {**connection, "pids": str(tmp_path / "pids"), "where": where})

    return stack
