"""Simulated GPUs: a ``libnvidia-ml.so.1`` with the real binary interface, and the file that says what it shows.

The library in ``source/`` is compiled on the machine that raises the lab and put into each node as its "hardware".
At every call it reads ``/etc/freehold-simulation/nvml.state``, or the file that ``NVML_SIMULATION_STATE`` names. It
tests the code path and the interface, not NVIDIA's behaviour: docs/decisions/0005-simulated-nvml.md.
"""

from freehold.lab.nvml.build import LIBRARY, SYMBOL, build
from freehold.lab.nvml.state import STATE_PATH, STATE_VARIABLE, change, change_file, initial_state

__all__ = [
    "LIBRARY",
    "STATE_PATH",
    "STATE_VARIABLE",
    "SYMBOL",
    "build",
    "change",
    "change_file",
    "initial_state",
]
