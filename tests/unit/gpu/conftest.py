"""The simulated GPUs, and a reader of them whose clock a test moves."""

from collections.abc import Iterator

import pytest
from tests.unit.nvml.simulation import Simulation, gpus, library, nvml

from freehold.gpu.nvml import Nvml

__all__ = ["gpus", "library", "nvml"]


class Clock:
    """Stands still until moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(gpus: Simulation, clock: Clock) -> Iterator[Nvml]:
    del gpus
    reader = Nvml(clock=clock)
    yield reader
    reader.close()
