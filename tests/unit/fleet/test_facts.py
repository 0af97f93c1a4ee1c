"""The facts script runs on any Linux; its answer is parsed; each fact that forbids provisioning is named."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import time
from typing import Any

import pytest

from freehold.errors import UnknownStateError
from freehold.fleet import facts
from freehold.fleet.facts import GIB, Facts, Needs

GOOD = Facts("debian", "12", "bookworm", "6.1.0", "x86_64", "systemd", 64, 512 * GIB, 900 * GIB, 10**8, 0, 1, "", "")
WANTED = Needs(memory=2 * GIB, weights=100 * GIB)


def test_the_script_runs_here_and_its_answer_is_parsed() -> None:
    done = subprocess.run(["sh", "-s"], input=facts.visit_script(), capture_output=True, text=True, check=True)
    found = facts.parse(done.stdout, "here")
    assert found.cpus == len(os.sched_getaffinity(0))
    assert found.memory_bytes > 0
    assert found.disk_free_bytes > 0
    assert found.clock == pytest.approx(time.time(), abs=30)
    assert found.mark == ""


def test_what_a_state_keeps_holds_nothing_of_the_moment() -> None:
    done = subprocess.run(["sh", "-s"], input=facts.script(), capture_output=True, text=True, check=True)
    assert not {"clock", "unfinished", "certificate"} & set(json.loads(done.stdout))


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


@pytest.mark.parametrize(("simulated", "each"), [([], facts.VLLM_MEMORY), (["gpu"], facts.VLLM_MEMORY_ON_CPU)])
def test_vllm_needs_less_beside_a_gpu_that_is_none(document: dict[str, Any], simulated: list[str], each: int) -> None:
    models = [model | {"engine": "vllm"} for model in document["models"]]
    wanted = facts.needs(document | {"models": models, "simulated": simulated})
    assert wanted.memory == facts.BASE_MEMORY + len(models) * each


@pytest.mark.parametrize(
    ("clock", "ahead"),
    [(100, 0.0), (101, 0.0), (99, -0.25), (110, 8.5), (50, -49.25)],
)
def test_a_clock_is_only_as_wrong_as_the_visit_proves(clock: int, ahead: float) -> None:
    """The node's clock was read somewhere between 100.25 and 101.5, in whole seconds."""
    assert facts.skew(clock, 100.25, 101.5) == ahead


@pytest.mark.parametrize(("ahead", "word"), [(3600.0, "ahead of"), (-3600.0, "behind")])
def test_a_clock_an_hour_off_is_refused(ahead: float, word: str) -> None:
    (error,) = facts.judge_clock("gpu1", ahead)
    assert error.code == "HOST_CLOCK"
    assert f"3600 s {word} this control host's" in error.found
    assert "certificates" in error.why


def test_a_clock_a_minute_off_is_for_the_time_service() -> None:
    assert list(facts.judge_clock("gpu1", 60.0)) == []
