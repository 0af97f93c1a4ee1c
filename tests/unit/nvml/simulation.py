"""Simulated GPUs for tests: the shipped C library, loaded into this process, and a state file of the test's own."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pynvml  # type: ignore[import-untyped]
import pytest

from freehold.lab.nvml import STATE_VARIABLE, build, change_file, initial_state

CLOCK = 1000.0
"""Seconds since the simulated boot; it stands still until a test moves it."""


class Simulation:
    """The state file of one test."""

    def __init__(self, path: Path, library: Path) -> None:
        self.path = path
        self.library = library
        self.now = CLOCK
        path.write_text(initial_state(8, seed="test") + f"clock={CLOCK}\n")

    def set(self, **changes: Any) -> None:
        """Set keys; ``gpu3__power`` is ``gpu3.power``, None takes a key away."""
        keys = {key.replace("__", "."): value for key, value in changes.items()}
        change_file(self.path, keys, clock=lambda: self.now)

    def at(self, seconds: float) -> None:
        """Move the clock."""
        self.now = seconds
        self.set(clock=seconds)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, compiled and loaded: whoever asks for libnvidia-ml.so.1 after this gets it, by its soname."""
    path = build(tmp_path_factory.getbasetemp() / "nvml")  # one folder for the whole run: compiled once
    ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    return path


@pytest.fixture
def gpus(tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    """Eight healthy GPUs."""
    simulation = Simulation(tmp_path / "nvml.state", library)
    monkeypatch.setenv(STATE_VARIABLE, str(simulation.path))
    return simulation


@pytest.fixture
def nvml(gpus: Simulation) -> Iterator[Any]:
    """nvidia-ml-py, initialised with the simulation."""
    pynvml.nvmlInit()
    yield pynvml
    pynvml.nvmlShutdown()
    del gpus
