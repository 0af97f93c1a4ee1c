"""A node that another control host holds is explained and let go of; one that is being worked on is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import LockedError, UsageError
from freehold.fleet import lock, unlock
from freehold.fleet.preflight import Visit

KEY = Path("/nowhere")


class Node:
    """A node with a mark; keeps what it was told."""

    def __init__(self, mark: str) -> None:
        self.mark, self.commands = mark, [""]

    def __call__(self, visit: Visit, _: Path, command: str) -> str:
        assert visit.user == "freehold-ops"
        self.commands.append(command)
        return self.mark if command == unlock.READ else ""


def test_the_mark_is_explained_and_emptied(document: dict[str, Any], tmp_path: Path) -> None:
    node = Node(json.dumps({**lock.holder(tmp_path, "converge"), "where": "other-control"}))
    (told,) = unlock.unlock(document, "gpu1", KEY, state=tmp_path, remote=node)
    assert told.startswith("gpu1: forgot the unfinished run: converge by ")
    assert "on other-control" in told
    assert "restarts its services" in told
    assert node.commands[-1] == unlock.FORGET


def test_where_there_is_none_nothing_is_done(document: dict[str, Any], tmp_path: Path) -> None:
    node = Node("")
    assert unlock.unlock(document, "gpu1", KEY, state=tmp_path, remote=node) == []
    assert unlock.FORGET not in node.commands


def test_a_run_of_this_host_that_is_at_work_keeps_its_mark(document: dict[str, Any], tmp_path: Path) -> None:
    node = Node("{}")
    with lock.held(tmp_path, "gpu1", "converge"), pytest.raises(LockedError):
        unlock.unlock(document, "gpu1", KEY, state=tmp_path, remote=node)
    assert unlock.FORGET not in node.commands


def test_a_host_of_nobody_is_a_wrong_command(document: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="HOST_UNKNOWN"):
        unlock.unlock(document, "gpu9", KEY, state=tmp_path, remote=Node(""))
