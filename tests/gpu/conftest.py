"""A real GPU, or the reason why there is none: ``pytest -m gpu`` says it for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pynvml  # type: ignore[import-untyped]
import pytest

from freehold.gpu.nvml import SIMULATION_SYMBOL, Nvml


def why_not(module: Any) -> str:
    """Why no real GPU can be asked here; empty where one can."""
    try:
        module.nvmlInit()
    except module.NVMLError as error:
        return f"no NVIDIA GPU here: {error}"
    if hasattr(module.nvmlLib, SIMULATION_SYMBOL):
        return "libnvidia-ml.so.1 is the simulation: it says nothing about a real GPU"
    return "" if module.nvmlDeviceGetCount() else "the driver counts no GPU"


@pytest.fixture(scope="session")
def nvml() -> Iterator[Any]:
    """nvidia-ml-py over a real driver."""
    if reason := why_not(pynvml):
        pytest.skip(reason)
    yield pynvml
    pynvml.nvmlShutdown()


@pytest.fixture
def reader(nvml: Any) -> Iterator[Nvml]:
    """The exporter's reader."""
    reader = Nvml(nvml)
    yield reader
    reader.close()
