"""A recorded world: a runner that remembers what it was asked, and a lab in a temporary folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from freehold.lab.cgroup import Hierarchies
from freehold.lab.launch import Service
from freehold.lab.node import LabNode
from freehold.lab.plan import numbered_plan
from freehold.lab.world import MARKER, Lab
from freehold.paths import LabPaths
from freehold.process import Completed

LAB = numbered_plan(1)


@dataclass
class Recorder:
    """A runner: answers with the text given for the beginning of a command, and empty otherwise."""

    answers: dict[str, str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def __call__(
        self,
        args: Sequence[str | os.PathLike[str]],
        *,
        check: bool = True,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout: float | None = None,
        log: Path | None = None,
    ) -> Completed:
        del check, cwd, env, stdin, timeout, log
        words = tuple(os.fspath(arg) for arg in args)
        line = " ".join(words)
        self.asked.append(line)
        text = next((answer for start, answer in self.answers.items() if line.startswith(start)), "")
        failed = any(line.startswith(start) for start in self.failing)
        return Completed(words, int(failed), text, text if failed else "")


@dataclass
class FakeLauncher:
    """A launcher that only remembers what is on."""

    on: set[str] = field(default_factory=set)
    started: list[str] = field(default_factory=list)

    def start(self, service: Service) -> None:
        self.started.append(service.name)
        self.on.add(service.name)

    def running(self, name: str) -> bool:
        return name in self.on

    def kill(self, name: str) -> None:
        self.on.discard(name)


@dataclass
class World:
    """The lab of a test with its parts at hand."""

    lab: Lab
    runner: Recorder
    launcher: FakeLauncher
    unreachable: set[str]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def world(tmp_path: Path, recorder: Recorder) -> World:
    tree = tmp_path / "cgroup"
    tree.mkdir()
    recorder.answers["ip -json address show"] = "[]"
    launcher, unreachable = FakeLauncher(), set[str]()

    def probe(node: LabNode) -> str | None:
        return "refused" if node.name in unreachable else None

    paths = LabPaths(tmp_path / "state")
    paths.root.mkdir()
    (paths.root / MARKER).touch()
    lab = Lab(LAB, paths, tmp_path / "cache", recorder, Hierarchies(tree), launcher, probe)
    return World(lab, recorder, launcher, unreachable)
