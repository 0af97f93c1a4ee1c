"""The state file: changed in place, and energy as the integral of what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from tests.unit.nvml.simulation import CLOCK, Simulation

from freehold.lab.nvml import STATE_VARIABLE, change, initial_state

READ_ENERGY = """
import pynvml  # type: ignore[import-untyped]
pynvml.nvmlInit()
print(*(pynvml.nvmlDeviceGetTotalEnergyConsumption(pynvml.nvmlDeviceGetHandleByIndex(i)) for i in range(8)))
"""


def _energy(nvml: Any, gpu: int = 0) -> int:
    return int(nvml.nvmlDeviceGetTotalEnergyConsumption(nvml.nvmlDeviceGetHandleByIndex(gpu)))


def test_a_key_is_replaced_and_taken_away() -> None:
    text = change(initial_state(8), {"temperature": 50, "gpu1.lost": 1}, now=0)
    text = change(text, {"temperature": 60, "gpu1.lost": None}, now=0)
    assert text.splitlines()[1:] == ["gpus=8", "temperature=60"]


def test_a_text_without_last_newline_is_not_run_together() -> None:
    assert "gpus=8\nlost=1\n" in change("gpus=8", {"lost": 1}, now=0)


def test_a_change_of_power_is_kept_with_its_moment() -> None:
    text = change(change("gpus=8\n", {"power": 300}, now=10), {"power": 100}, now=20)
    assert text == "gpus=8\npower@10.000000=300\npower@20.000000=100\n"


def test_energy_is_the_integral_of_power(gpus: Simulation, nvml: Any) -> None:
    gpus.set(power=500)
    before = _energy(nvml)
    gpus.at(CLOCK + 10)
    gpus.set(power=100)
    gpus.at(CLOCK + 30)
    assert _energy(nvml) - before == 10 * 500_000 + 20 * 100_000


def test_energy_does_not_fall_when_power_does(gpus: Simulation, nvml: Any) -> None:
    gpus.set(power=700)
    gpus.at(CLOCK + 100)
    before = _energy(nvml)
    gpus.set(power=0)
    assert _energy(nvml) == before


def test_power_now_is_that_of_the_last_step_begun(gpus: Simulation, nvml: Any) -> None:
    with gpus.path.open("a") as file:
        file.write(f"power@{CLOCK + 50}=600\npower@{CLOCK - 50}=200\n")
    device = nvml.nvmlDeviceGetHandleByIndex(0)
    assert nvml.nvmlDeviceGetPowerUsage(device) == 200_000
    gpus.at(CLOCK + 50)
    assert nvml.nvmlDeviceGetPowerUsage(device) == 600_000


def test_one_gpu_goes_its_own_way_from_its_change_on(gpus: Simulation, nvml: Any) -> None:
    gpus.set(power=200)
    gpus.at(CLOCK + 10)
    before = _energy(nvml, 0), _energy(nvml, 3)
    assert before[0] == before[1]
    gpus.set(gpu3__power=650)
    gpus.at(CLOCK + 20)
    assert (_energy(nvml, 0) - before[0], _energy(nvml, 3) - before[1]) == (2_000_000, 6_500_000)


def test_the_counter_can_be_set_back_as_a_driver_reload_does(gpus: Simulation, nvml: Any) -> None:
    gpus.set(power=100, energy_epoch=CLOCK)
    assert _energy(nvml) == 0
    gpus.at(CLOCK + 1)
    assert _energy(nvml) == 100_000


def test_a_negative_power_is_garbage(gpus: Simulation, nvml: Any) -> None:
    with gpus.path.open("a") as file:
        file.write("power@1=-5\n")
    with pytest.raises(nvml.NVMLError_Unknown):
        _energy(nvml)


def test_two_processes_read_one_counter(gpus: Simulation, nvml: Any) -> None:
    gpus.set(power=432.1)
    gpus.at(CLOCK + 7.5)
    environment = {
        **os.environ,
        STATE_VARIABLE: str(gpus.path),
        "LD_LIBRARY_PATH": str(gpus.library.parent),
    }
    other = subprocess.run(
        [sys.executable, "-c", READ_ENERGY], check=True, capture_output=True, text=True, env=environment
    )
    assert [int(word) for word in other.stdout.split()] == [_energy(nvml, gpu) for gpu in range(8)]


def test_without_a_frozen_clock_it_grows_by_itself(gpus: Simulation, nvml: Any) -> None:
    gpus.set(clock=None, power=1_000_000)
    first = _energy(nvml)
    assert any(_energy(nvml) > first for _ in range(10_000))
