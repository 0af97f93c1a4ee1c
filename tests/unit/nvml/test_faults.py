"""What can be made to go wrong, and that it goes wrong in the way that was asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from tests.unit.nvml.simulation import Simulation

from freehold.lab.nvml import STATE_VARIABLE

PATIENCE_SECONDS = 10.0


def test_no_state_is_no_driver(gpus: Simulation, nvml: Any) -> None:
    gpus.path.unlink()
    with pytest.raises(nvml.NVMLError_DriverNotLoaded):
        nvml.nvmlDeviceGetCount()


def test_before_initialisation_nothing_answers(gpus: Simulation, nvml: Any) -> None:
    nvml.nvmlShutdown()
    try:
        with pytest.raises(nvml.NVMLError_Uninitialized):
            nvml.nvmlDeviceGetCount()
    finally:
        nvml.nvmlInit()
    del gpus


def test_a_lost_gpu_is_lost_and_the_others_are_not(gpus: Simulation, nvml: Any) -> None:
    devices = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(8)]
    gpus.set(gpu3__lost=1)
    with pytest.raises(nvml.NVMLError_GpuIsLost):
        nvml.nvmlDeviceGetPowerUsage(devices[3])
    with pytest.raises(nvml.NVMLError_GpuIsLost):
        nvml.nvmlDeviceGetHandleByIndex(3)
    assert nvml.nvmlDeviceGetCount() == 8
    assert nvml.nvmlDeviceGetPowerUsage(devices[4]) == 74_580


def test_a_function_fails_on_one_gpu_only(gpus: Simulation, nvml: Any) -> None:
    gpus.set(gpu1__error__nvmlDeviceGetPowerUsage=999)
    with pytest.raises(nvml.NVMLError_Unknown):
        nvml.nvmlDeviceGetPowerUsage(nvml.nvmlDeviceGetHandleByIndex(1))
    assert nvml.nvmlDeviceGetPowerUsage(nvml.nvmlDeviceGetHandleByIndex(0)) == 74_580
    assert nvml.nvmlDeviceGetTemperature(nvml.nvmlDeviceGetHandleByIndex(1), 0) == 28


def test_a_value_that_is_no_number_is_an_error_not_a_default(gpus: Simulation, nvml: Any) -> None:
    gpus.set(temperature="warm")
    with pytest.raises(nvml.NVMLError_Unknown):
        nvml.nvmlDeviceGetTemperature(nvml.nvmlDeviceGetHandleByIndex(0), 0)


def test_binary_noise_in_the_state_is_survived(gpus: Simulation, nvml: Any) -> None:
    with gpus.path.open("ab") as file:
        file.write(bytes(range(256)) * 16 + b"\n=\n==\ntemperature=33")
    assert nvml.nvmlDeviceGetTemperature(nvml.nvmlDeviceGetHandleByIndex(0), 0) == 33


def test_a_call_is_as_late_as_it_was_told(gpus: Simulation, nvml: Any) -> None:
    device = nvml.nvmlDeviceGetHandleByIndex(0)
    gpus.set(delay_us=20_000)
    started = time.monotonic()
    nvml.nvmlDeviceGetTemperature(device, 0)
    assert time.monotonic() - started >= 0.02


def test_a_hung_call_blocks_nobody_else_and_ends_when_the_fault_does(gpus: Simulation, nvml: Any) -> None:
    devices = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(2)]
    gpus.set(gpu0__hang_ms=600_000)
    hung = threading.Thread(target=nvml.nvmlDeviceGetPowerUsage, args=(devices[0],), daemon=True)
    hung.start()
    assert nvml.nvmlDeviceGetPowerUsage(devices[1]) == 74_580
    assert hung.is_alive()
    gpus.set(gpu0__hang_ms=None)
    hung.join(PATIENCE_SECONDS)
    assert not hung.is_alive()


def test_a_hang_is_bounded_by_its_own_length(gpus: Simulation, nvml: Any) -> None:
    device = nvml.nvmlDeviceGetHandleByIndex(0)
    gpus.set(hang_ms__nvmlDeviceGetPowerUsage=60)
    started = time.monotonic()
    assert nvml.nvmlDeviceGetPowerUsage(device) == 74_580
    assert 0.06 <= time.monotonic() - started < PATIENCE_SECONDS


def _wait(nvml: Any, events: Any) -> tuple[int, int]:
    event = nvml.nvmlEventSetWait(events, 1)
    return nvml.nvmlDeviceGetIndex(event.device), event.eventData


def test_xids_come_in_order_to_who_watches_and_only_new_ones(gpus: Simulation, nvml: Any) -> None:
    gpus.set(xid__1="0:13")
    events = nvml.nvmlEventSetCreate()
    for index in (0, 3):
        nvml.nvmlDeviceRegisterEvents(
            nvml.nvmlDeviceGetHandleByIndex(index), nvml.nvmlEventTypeXidCriticalError, events
        )
    gpus.set(xid__3="3:79", xid__2="0:48", xid__4="5:31")
    assert [_wait(nvml, events), _wait(nvml, events)] == [(0, 48), (3, 79)]
    with pytest.raises(nvml.NVMLError_Timeout):
        nvml.nvmlEventSetWait(events, 1)
    nvml.nvmlEventSetFree(events)


def test_a_waiting_reader_is_woken_by_a_new_xid(gpus: Simulation, nvml: Any) -> None:
    events = nvml.nvmlEventSetCreate()
    nvml.nvmlDeviceRegisterEvents(nvml.nvmlDeviceGetHandleByIndex(0), nvml.nvmlEventTypeXidCriticalError, events)
    seen: list[int] = []
    waiting = threading.Thread(target=lambda: seen.append(nvml.nvmlEventSetWait(events, 10_000).eventData), daemon=True)
    waiting.start()
    gpus.set(xid__1="0:94")
    waiting.join(PATIENCE_SECONDS)
    assert seen == [94]
    nvml.nvmlEventSetFree(events)


def test_many_threads_read_while_the_state_changes(gpus: Simulation, nvml: Any) -> None:
    devices = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(8)]
    wrong: list[object] = []

    def read(index: int) -> None:
        for _ in range(200):
            memory = nvml.nvmlDeviceGetMemoryInfo(devices[index], version=nvml.nvmlMemory_v2)
            temperature = nvml.nvmlDeviceGetTemperature(devices[index], 0)
            if memory.total != memory.free + memory.used + memory.reserved or temperature not in {28, 40 + index}:
                wrong.append((index, temperature, memory))

    threads = [threading.Thread(target=read, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for used in range(40):
        gpus.set(memory_used=used * 1000, **{f"gpu{index}__temperature": 40 + index for index in range(8)})
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(("gpus_there", "wanted"), [(0, 0), (1, 1), (7, 7), (32, 32), (99, 32)])
def test_the_number_of_gpus_is_settable(gpus_there: int, wanted: int, gpus: Simulation, nvml: Any) -> None:
    gpus.set(gpus=gpus_there)
    assert nvml.nvmlDeviceGetCount() == wanted
    with pytest.raises(nvml.NVMLError_InvalidArgument):
        nvml.nvmlDeviceGetHandleByIndex(wanted)


ASK_POWER = """
import pynvml
pynvml.nvmlInit()
print(pynvml.nvmlDeviceGetPowerUsage(pynvml.nvmlDeviceGetHandleByIndex(0)))
"""


@pytest.mark.parametrize(("crash", "code"), [(None, 0), (1, -signal.SIGSEGV)])
def test_a_function_can_end_its_process(gpus: Simulation, crash: int | None, code: int) -> None:
    gpus.set(crash__nvmlDeviceGetPowerUsage=crash)
    environment = {**os.environ, STATE_VARIABLE: str(gpus.path), "LD_LIBRARY_PATH": str(gpus.library.parent)}
    done = subprocess.run([sys.executable, "-c", ASK_POWER], env=environment, capture_output=True, check=False)
    assert done.returncode == code


def test_a_drivers_word_for_an_unknown_amount_comes_through(gpus: Simulation, nvml: Any) -> None:
    gpus.set(process__1="0:7:999999999")
    (process,) = nvml.nvmlDeviceGetComputeRunningProcesses(nvml.nvmlDeviceGetHandleByIndex(0))
    assert process.usedGpuMemory is None
