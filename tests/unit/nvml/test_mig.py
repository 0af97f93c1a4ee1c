"""MIG devices: found, named and asked through the real interface, and silent where NVML is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.nvml.simulation import Simulation


@pytest.fixture
def device(gpus: Simulation, nvml: Any) -> Any:
    gpus.set(gpu2__mig=1, mig__1="2:1:0:3g.71gb:71000:500", mig__2="2:2:0:1g.18gb:17900:0", mig__3="3:1:0:7g.141gb:1:0")
    gpus.set(process__1="2:4242:300:C:50:1", process__2="2:4343:200:C:5:2")
    return nvml.nvmlDeviceGetHandleByIndex(2)


def _mib(size: int) -> int:
    return size >> 20


def test_each_device_says_what_it_is(nvml: Any, device: Any) -> None:
    found = [nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, index) for index in (0, 1)]
    assert [nvml.nvmlDeviceIsMigDeviceHandle(one).value for one in (device, *found)] == [0, 1, 1]
    assert [nvml.nvmlDeviceGetGpuInstanceId(one) for one in found] == [1, 2]
    assert [nvml.nvmlDeviceGetComputeInstanceId(one) for one in found] == [0, 0]
    assert nvml.nvmlDeviceGetName(found[0]) == "NVIDIA H200 (simulated) MIG 3g.71gb"
    attributes = nvml.nvmlDeviceGetAttributes(found[0])
    assert (attributes.gpuInstanceSliceCount, attributes.memorySizeMB) == (3, 71000)
    parent = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(found[1])
    assert nvml.nvmlDeviceGetIndex(parent) == 2
    uuids = {nvml.nvmlDeviceGetUUID(one) for one in found}
    assert len(uuids) == 2
    assert all(uuid.startswith("MIG-") and len(uuid) == 40 for uuid in uuids)


def test_memory_and_processes_are_those_of_the_instance(nvml: Any, device: Any) -> None:
    first = nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, 0)
    memory = nvml.nvmlDeviceGetMemoryInfo(first, version=nvml.nvmlMemory_v2)
    assert (_mib(memory.total), _mib(memory.used), _mib(memory.free)) == (71000, 500, 70500)
    assert [one.pid for one in nvml.nvmlDeviceGetComputeRunningProcesses(first)] == [4242]
    whole = nvml.nvmlDeviceGetComputeRunningProcesses(device)
    assert [(one.pid, one.gpuInstanceId) for one in whole] == [(4242, 1), (4343, 2)]


def test_an_index_without_a_device_is_not_found_and_without_mig_not_supported(nvml: Any, device: Any) -> None:
    with pytest.raises(nvml.NVMLError_NotFound):
        nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, 2)
    with pytest.raises(nvml.NVMLError_NotSupported):
        nvml.nvmlDeviceGetMigDeviceHandleByIndex(nvml.nvmlDeviceGetHandleByIndex(3), 0)


@pytest.mark.parametrize(
    "call", ["nvmlDeviceGetUtilizationRates", "nvmlDeviceGetEncoderUtilization", "nvmlDeviceGetDecoderUtilization"]
)
def test_mig_takes_utilisation_away(nvml: Any, device: Any, call: str) -> None:
    with pytest.raises(nvml.NVMLError_NotSupported):
        getattr(nvml, call)(device)
    with pytest.raises(nvml.NVMLError_NotSupported):
        nvml.nvmlDeviceGetProcessUtilization(device, 0)
    assert nvml.nvmlDeviceGetPowerUsage(device) == 74_580


def test_a_sensor_is_not_an_instances(nvml: Any, device: Any) -> None:
    with pytest.raises(nvml.NVMLError_NotSupported):
        nvml.nvmlDeviceGetPowerUsage(nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, 0))


def test_a_device_that_was_destroyed_is_an_invalid_handle(gpus: Simulation, nvml: Any, device: Any) -> None:
    second = nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, 1)
    gpus.set(mig__2=None)
    with pytest.raises(nvml.NVMLError_InvalidArgument):
        nvml.nvmlDeviceGetMemoryInfo(second)
