"""The simulated GPUs."""

from tests.unit.nvml.simulation import gpus, library, nvml

__all__ = ["gpus", "library", "nvml"]
