"""A fleet of two nodes, and a runner that remembers what it was asked and given."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from freehold.mesh import keys
from freehold.process import Completed

NODE_KEYS = {name: keys.public_of(keys.new_private()) for name in ("gpu1", "gpu2")}


def host(name: str, number: int) -> dict[str, Any]:
    return {
        "name": name,
        "address": f"192.0.2.{number}",
        "port": 22,
        "serve_address": f"198.51.100.{number}",
        "mesh_address": f"203.0.113.{number}",
        "maintenance": False,
    }


def fleet() -> dict[str, Any]:
    hosts = [host("gpu1", 11), host("gpu2", 12)]
    peers = [
        {
            "name": h["name"],
            "endpoint": h["address"],
            "mesh_address": h["mesh_address"],
            "public_key": NODE_KEYS[h["name"]],
        }
        for h in hosts
    ]
    mesh = {
        "network": "203.0.113.0/24",
        "port": 51820,
        "control": {"address": "203.0.113.1", "public_key": keys.public_of(keys.new_private())},
        "peers": peers,
    }
    gateway = {"port": 8080, "mesh_port": 8443}
    monitoring = {"watcher": {"name": "gpu2", "mesh_address": "203.0.113.12"}}
    seen = {"monitor": ["gpu1"], "monitoring": monitoring}
    return {"stack": "test", "hosts": hosts, **seen, "gateway": gateway, "mesh": mesh}


@dataclass
class Recorder:
    """Answers with the text given for the beginning of a command; ``failing`` beginnings fail."""

    answers: dict[str, str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)

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
        del check, cwd, env, timeout, log
        words = tuple(os.fspath(arg) for arg in args)
        line = " ".join(words)
        self.asked.append(line)
        self.given += [stdin] if stdin is not None else []
        text = next((answer for start, answer in self.answers.items() if line.startswith(start)), "")
        return Completed(words, int(any(line.startswith(start) for start in self.failing)), text, "")


@pytest.fixture
def document() -> dict[str, Any]:
    return fleet()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
