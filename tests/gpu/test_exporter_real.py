"""The exporter on a real GPU: what it shows is plausible, what it asks is cheap, and energy is what power adds up to.

Figures are printed (``pytest -m gpu -s``) for docs/benchmarks.md; asserted is only what is wrong on any GPU.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from freehold.exporter.metrics import described
from freehold.exporter.options import DEFAULT_INTERVAL
from freehold.exporter.page import page, render
from freehold.exporter.services import Accounts
from freehold.exporter.units import Units
from freehold.gpu.calls import Calls
from freehold.gpu.fields import Fields
from freehold.gpu.nvml import Nvml
from freehold.gpu.reading import RARE, _wanted

pytestmark = pytest.mark.gpu

WINDOW_SECONDS = 12.0
PERIOD_SECONDS = 2.0
"""Of the square wave: long against the second over which the driver averages power."""

PLAIN = (
    "UtilizationRates",
    "CurrentClocksEventReasons",
    "PowerUsage",
    "TotalEnergyConsumption",
    "PerformanceState",
    "EnforcedPowerLimit",
    "EncoderUtilization",
    "DecoderUtilization",
    "MigMode",
    "CurrPcieLinkGeneration",
    "CurrPcieLinkWidth",
    "ComputeRunningProcesses",
    "GraphicsRunningProcesses",
    "MPSComputeRunningProcesses",
)
"""Functions that take a GPU alone."""

PLAUSIBLE: dict[str, tuple[float, float]] = {
    "DCGM_FI_DEV_GPU_TEMP": (5, 110),
    "DCGM_FI_DEV_MEMORY_TEMP": (0, 120),  # 0: no sensor
    "DCGM_FI_DEV_POWER_USAGE": (3, 1500),
    "DCGM_FI_DEV_ENFORCED_POWER_LIMIT": (50, 1500),
    "DCGM_FI_DEV_SM_CLOCK": (100, 4000),
    "DCGM_FI_DEV_MEM_CLOCK": (100, 20_000),
    "DCGM_FI_DEV_VIDEO_CLOCK": (100, 4000),
    "DCGM_FI_DEV_PSTATE": (0, 15),
    "DCGM_FI_DEV_GPU_UTIL": (0, 100),
    "DCGM_FI_DEV_MEM_COPY_UTIL": (0, 100),
    "DCGM_FI_DEV_PCIE_LINK_GEN": (1, 7),
    "DCGM_FI_DEV_PCIE_LINK_WIDTH": (1, 32),
    "DCGM_FI_DEV_FB_TOTAL": (1000, 1_000_000),
    "freehold_gpu_nvlinks_active": (0, 36),
    "freehold_gpu_recovery_action": (0, 7),
    "freehold_gpu_lost": (0, 0),
}


def test_every_metric_that_is_there_is_plausible(reader: Nvml) -> None:
    accounts = Accounts(Units().of)
    accounts.add(reader.sample())
    sample = reader.sample()
    text = page(render(sample, Counter(sample.failures), 2, "here", accounts.add(sample)), time.monotonic(), 5).decode()
    values = _values(text)
    absent = [one.name for one in described() if f"# TYPE {one.name} " not in text]
    print(f"\n{len(sample.gpus)} GPUs, driver {sample.driver_version}; not said here: {', '.join(absent) or 'nothing'}")
    print("failures:", *sorted(map(str, set(sample.failures))), sep="\n  ")
    wrong = {
        name: found
        for name, found in values.items()
        if not all(low <= value <= high for low, high in [PLAUSIBLE.get(name, (0, float("inf")))] for value in found)
    }
    assert wrong == {}
    assert sample.answered
    assert [failure for failure in sample.failures if failure.error == "Implausible"] == []
    _memory_adds_up(values)


def _values(text: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name if f"# TYPE {sample.name} " in text else sample.name.removesuffix("_total")
            found.setdefault(name, []).append(sample.value)
    return found


def _memory_adds_up(values: dict[str, list[float]]) -> None:
    parts = [values[f"DCGM_FI_DEV_FB_{part}"] for part in ("USED", "FREE", "RESERVED", "TOTAL")]
    for used, free, reserved, total in zip(*parts, strict=True):
        assert used + free + reserved == pytest.approx(total, abs=4)


def test_a_sample_is_short_against_its_interval_and_each_call_is_known(nvml: Any, reader: Nvml) -> None:
    reader.sample()
    seconds = [_seconds(reader.sample) for _ in range(2 * RARE)]
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    print(f"\nsample: median {1e3 * statistics.median(seconds):.2f} ms, longest {1e3 * max(seconds):.2f} ms")
    for name, call in _calls(nvml, handle).items():
        times = [_tried(nvml, call) for _ in range(30)]
        known = [one for one in times if one is not None]
        median = (
            f"{1e6 * statistics.median(known):8.0f} us, longest {1e6 * max(known):8.0f} us" if known else "not said"
        )
        print(f"{name:<44} {median}")
    assert statistics.median(seconds) < DEFAULT_INTERVAL / 10


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _tried(nvml: Any, call: Callable[[], Any]) -> float | None:
    try:
        return _seconds(call)
    except nvml.NVMLError:
        return None


def _calls(nvml: Any, handle: Any) -> dict[str, Callable[[], Any]]:
    fields, calls = Fields(nvml, _wanted(nvml, 18)), Calls(nvml)
    return {
        "all fields in one call": lambda: fields.read(calls, handle, 0),
        "nvmlDeviceGetTemperature": lambda: nvml.nvmlDeviceGetTemperature(handle, 0),
        "nvmlDeviceGetClockInfo": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
        "nvmlDeviceGetMemoryInfo": lambda: nvml.nvmlDeviceGetMemoryInfo(handle, nvml.nvmlMemory_v2),
        "nvmlDeviceGetProcessUtilization": lambda: nvml.nvmlDeviceGetProcessUtilization(handle, 0),
        "nvmlDeviceGetGpuFabricInfoV": lambda: nvml.nvmlDeviceGetGpuFabricInfoV(
            handle, byref(nvml.c_nvmlGpuFabricInfo_v2_t())
        ),
        **{f"nvmlDeviceGet{name}": _of(nvml, name, handle) for name in PLAIN},
    }


def _of(nvml: Any, name: str, handle: Any) -> Callable[[], Any]:
    return lambda: getattr(nvml, f"nvmlDeviceGet{name}")(handle)


def _measured(nvml: Any, handle: Any, seconds: float, work: Callable[[], None]) -> tuple[float, float, int]:
    """Joules of the counter, joules of power added up, and how many looks were taken."""
    before, began, looks, joules = nvml.nvmlDeviceGetTotalEnergyConsumption(handle), time.monotonic(), 0, 0.0
    last, watts = began, nvml.nvmlDeviceGetPowerUsage(handle) / 1000
    while last - began < seconds:
        work()
        now, power = time.monotonic(), nvml.nvmlDeviceGetPowerUsage(handle) / 1000
        joules += (now - last) * (watts + power) / 2
        last, watts, looks = now, power, looks + 1
    return (nvml.nvmlDeviceGetTotalEnergyConsumption(handle) - before) / 1000, joules, looks


def test_the_energy_counter_is_what_power_adds_up_to_while_nothing_changes(nvml: Any) -> None:
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    counted, added, looks = _measured(nvml, handle, WINDOW_SECONDS, lambda: None)
    print(f"\nsteady: counter {counted:.1f} J, power added up {added:.1f} J ({added / counted:.3f}), {looks} looks")
    assert counted > 0
    assert added / counted == pytest.approx(1, abs=0.15)


@contextmanager
def _load() -> Iterator[Callable[[], None]]:
    """Work for a few milliseconds, in the first half of each period."""
    torch = pytest.importorskip("torch", reason="a square wave of load needs torch")
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    matrix = torch.rand(8192, 8192, device="cuda", dtype=torch.float16)
    began = time.monotonic()

    def work() -> None:
        if (time.monotonic() - began) % PERIOD_SECONDS < PERIOD_SECONDS / 2:
            torch.mm(matrix, matrix)
            torch.cuda.synchronize()

    yield work
    torch.cuda.synchronize()


def test_the_energy_counter_over_a_square_wave_of_load(nvml: Any) -> None:
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    with _load() as work:
        counted, added, looks = _measured(nvml, handle, 2 * WINDOW_SECONDS, work)
    print(
        f"\nsquare wave: counter {counted:.1f} J, power added up {added:.1f} J ({added / counted:.3f}), {looks} looks"
    )
    assert 0.5 < added / counted < 2


def test_energy_by_service_adds_up_to_the_counters(reader: Nvml) -> None:
    accounts = Accounts(Units().of)
    first = reader.sample()
    accounts.add(first)
    end, shared = time.monotonic() + 2 * WINDOW_SECONDS, 0.0
    sample = first
    while not shared and time.monotonic() < end:
        sample = reader.sample()
        services = accounts.add(sample)
        shared = sum(services.joules.values())
    print(f"\nby service: { {name: round(value, 1) for name, value in services.joules.items() if value} }")
    assert shared == pytest.approx(_joules(sample) - _joules(first), rel=0.01)


def _joules(sample: Any) -> float:
    return sum(gpu.reading.energy_millijoules or 0 for gpu in sample.gpus if gpu.reading) / 1000
