"""The facts script runs on any Linux; its answer is parsed; each fact that forbids provisioning is named."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from typing import Any

import pytest

from freehold.errors import UnknownStateError
from freehold.fleet import facts
from freehold.fleet.facts import GIB, Facts, Needs

GOOD = Facts("debian", "12", "bookworm", "6.1.0", "x86_64", "systemd", 64, 512 * GIB, 900 * GIB, 10**8, 0)
WANTED = Needs(memory=2 * GIB, weights=100 * GIB)


def test_the_script_runs_here_and_its_answer_is_parsed() -> None:
    done = subprocess.run(["sh", "-s"], input=facts.script(), capture_output=True, text=True, check=True)
    found = facts.parse(done.stdout, "here")
    assert found.cpus == len(os.sched_getaffinity(0))
    assert found.memory_bytes > 0
    assert found.disk_free_bytes > 0


@pytest.mark.parametrize("text", ["", "Welcome!", "{}", "[]", '{"os_id": "debian"}'])
def test_an_answer_that_is_not_understood_is_unknown_not_good(text: str) -> None:
    with pytest.raises(UnknownStateError, match="HOST_FACTS_UNREADABLE"):
        facts.parse(text, "gpu1")


def test_a_good_host_has_no_fault() -> None:
    assert list(facts.judge("gpu1", GOOD, WANTED)) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"os_id": "fedora", "os_version": "43"}, "HOST_OS"),
        ({"os_version": "11"}, "HOST_OS"),
        ({"architecture": "aarch64"}, "HOST_ARCHITECTURE"),
        ({"init": "sleep"}, "HOST_INIT"),
        ({"memory_bytes": GIB}, "HOST_MEMORY"),
        ({"disk_free_bytes": 100 * GIB}, "HOST_DISK"),
        ({"inodes_free": 100}, "HOST_INODES"),
    ],
)
def test_each_fault_is_named(change: dict[str, Any], code: str) -> None:
    found = list(facts.judge("gpu1", dataclasses.replace(GOOD, **change), WANTED))
    assert [error.code for error in found] == [code]
    assert found[0].found
    assert found[0].expected
    assert found[0].fix


def test_weights_that_are_there_already_need_no_room_again() -> None:
    full = dataclasses.replace(GOOD, disk_free_bytes=3 * GIB, weights_bytes=110 * GIB)
    assert list(facts.judge("gpu1", full, WANTED)) == []


def test_needs_follow_the_models(document: dict[str, Any]) -> None:
    wanted = facts.needs(document)
    assert wanted.weights == 1_500_000
    assert wanted.memory == facts.BASE_MEMORY + int(1_500_000 * facts.MODEL_MEMORY_FACTOR)
