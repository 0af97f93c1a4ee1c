"""Every function that the exporter, gpustat and nvitop call hands its values through the real structures.

Each value differs from its neighbours, so that a field at a wrong place shows.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref
from typing import Any

import pynvml  # type: ignore[import-untyped]
import pytest
from tests.unit.nvml.simulation import Simulation

from freehold.gpu.nvml import Nvml

STATE = """
temperature=61
temperature_limit=87
memory_temperature=71
power=321.5
power_limit=650
power_limit_min=210
power_limit_max=690
utilisation=93
memory_utilisation=41
encoder_utilisation=5
decoder_utilisation=6
memory_total=1000
memory_reserved=100
memory_used=300
sm_clock=1755
memory_clock=3201
video_clock=1200
throttle_reasons=0x44
violation1=12345678901
ecc_pending=0
ecc_sbe_volatile=11
ecc_dbe_volatile=12
ecc_sbe_aggregate=13
ecc_dbe_aggregate=14
remapped_correctable=21
remapped_uncorrectable=22
remapped_pending=1
remapped_failure=0
nvlink7=0
nvlink3.replay=5
nvlink4.replay=6
nvlink2.crc_flit=8
nvlink_tx=5000000000
nvlink_rx=6000000000
pcie_tx=700
pcie_rx=800
pcie_generation=4
pcie_width=8
pcie_replay=9
recovery_action=4
fabric_state=2
fabric_status=999
mig=0
mig_pending=1
process.1=2:4242:2048
process.2=2:4343:10:G
process.3=5:1:1
"""


def _fields(structure: Any) -> tuple[int, ...]:
    return tuple(getattr(structure, name) for name, _ in structure._fields_)


def _mib(structure: Any) -> tuple[int, ...]:
    return tuple(value >> 20 for value in _fields(structure))


def _memory_v2(nvml: Any, device: Any) -> tuple[int, ...]:
    return _mib(nvml.nvmlDeviceGetMemoryInfo(device, version=nvml.nvmlMemory_v2))[1:]


def _fabric(nvml: Any, device: Any, info: Any) -> tuple[int, int]:
    nvml.nvmlDeviceGetGpuFabricInfoV(device, byref(info))
    return info.state, info.status


Call = Callable[[Any, Any], Any]
CALLS: dict[str, tuple[Call, Any]] = {
    "name": (lambda n, d: n.nvmlDeviceGetName(d), "NVIDIA H200 (simulated)"),
    "index": (lambda n, d: n.nvmlDeviceGetIndex(d), 2),
    "minor": (lambda n, d: n.nvmlDeviceGetMinorNumber(d), 2),
    "brand": (lambda n, d: n.nvmlDeviceGetBrand(d), pynvml.NVML_BRAND_NVIDIA),
    "architecture": (lambda n, d: n.nvmlDeviceGetArchitecture(d), pynvml.NVML_DEVICE_ARCH_HOPPER),
    "compute capability": (lambda n, d: n.nvmlDeviceGetCudaComputeCapability(d), (9, 0)),
    "compute mode": (lambda n, d: n.nvmlDeviceGetComputeMode(d), 0),
    "persistence": (lambda n, d: n.nvmlDeviceGetPersistenceMode(d), 1),
    "display": (lambda n, d: (n.nvmlDeviceGetDisplayMode(d), n.nvmlDeviceGetDisplayActive(d)), (0, 0)),
    "performance state": (lambda n, d: n.nvmlDeviceGetPerformanceState(d), 0),
    "bus id": (lambda n, d: n.nvmlDeviceGetPciInfo(d).busId, "00000000:52:00.0"),
    "legacy bus id": (lambda n, d: n.nvmlDeviceGetPciInfo(d).busIdLegacy, "0000:52:00.0"),
    "device id": (lambda n, d: n.nvmlDeviceGetPciInfo(d).pciDeviceId, 0x233510DE),
    "subsystem id": (lambda n, d: n.nvmlDeviceGetPciInfo(d).pciSubSystemId, 0x18BE10DE),
    "temperature": (lambda n, d: n.nvmlDeviceGetTemperature(d, n.NVML_TEMPERATURE_GPU), 61),
    "temperature, new": (lambda n, d: n.nvmlDeviceGetTemperatureV(d, n.NVML_TEMPERATURE_GPU), 61),
    "margin": (lambda n, d: n.nvmlDeviceGetMarginTemperature(d), 26),
    "power": (lambda n, d: n.nvmlDeviceGetPowerUsage(d), 321_500),
    "energy": (lambda n, d: n.nvmlDeviceGetTotalEnergyConsumption(d), 321_500_000),
    "enforced limit": (lambda n, d: n.nvmlDeviceGetEnforcedPowerLimit(d), 650_000),
    "limit": (lambda n, d: n.nvmlDeviceGetPowerManagementLimit(d), 650_000),
    "default limit": (lambda n, d: n.nvmlDeviceGetPowerManagementDefaultLimit(d), 700_000),
    "limits": (lambda n, d: n.nvmlDeviceGetPowerManagementLimitConstraints(d), [210_000, 690_000]),
    "utilisation": (lambda n, d: _fields(n.nvmlDeviceGetUtilizationRates(d)), (93, 41)),
    "encoder": (lambda n, d: n.nvmlDeviceGetEncoderUtilization(d)[0], 5),
    "decoder": (lambda n, d: n.nvmlDeviceGetDecoderUtilization(d)[0], 6),
    "memory, total free used": (lambda n, d: _mib(n.nvmlDeviceGetMemoryInfo(d)), (1000, 600, 400)),
    "memory, second form": (_memory_v2, (1000, 100, 600, 300)),
    "BAR1": (lambda n, d: n.nvmlDeviceGetBAR1MemoryInfo(d).bar1Total >> 20, 262144),
    "clocks": (lambda n, d: [n.nvmlDeviceGetClockInfo(d, k) for k in range(4)], [1755, 1755, 3201, 1200]),
    "highest clocks": (lambda n, d: [n.nvmlDeviceGetMaxClockInfo(d, k) for k in range(4)], [1980, 1980, 3201, 1545]),
    "throttle reasons": (lambda n, d: n.nvmlDeviceGetCurrentClocksEventReasons(d), 0x44),
    "throttle reasons, old": (lambda n, d: n.nvmlDeviceGetCurrentClocksThrottleReasons(d), 0x44),
    "violation": (lambda n, d: n.nvmlDeviceGetViolationStatus(d, 1).violationTime, 12345678901),
    "ECC mode": (lambda n, d: n.nvmlDeviceGetEccMode(d), [1, 0]),
    "ECC totals": (
        lambda n, d: [n.nvmlDeviceGetTotalEccErrors(d, error, counter) for error in (0, 1) for counter in (0, 1)],
        [11, 13, 12, 14],
    ),
    "ECC in DRAM": (lambda n, d: n.nvmlDeviceGetMemoryErrorCounter(d, 1, 1, n.NVML_MEMORY_LOCATION_DRAM), 14),
    "remapped rows": (lambda n, d: n.nvmlDeviceGetRemappedRows(d), (21, 22, 1, 0)),
    "row histogram": (lambda n, d: _fields(n.nvmlDeviceGetRowRemapperHistogram(d)), (3029, 0, 43, 0, 0)),
    "links": (lambda n, d: [n.nvmlDeviceGetNvLinkState(d, k) for k in range(18)], [1] * 7 + [0] + [1] * 10),
    "link errors": (lambda n, d: n.nvmlDeviceGetNvLinkErrorCounter(d, 4, n.NVML_NVLINK_ERROR_DL_REPLAY), 6),
    "link version": (lambda n, d: n.nvmlDeviceGetNvLinkVersion(d, 0), 4),
    "PCIe": (lambda n, d: (n.nvmlDeviceGetCurrPcieLinkGeneration(d), n.nvmlDeviceGetCurrPcieLinkWidth(d)), (4, 8)),
    "PCIe traffic": (lambda n, d: [n.nvmlDeviceGetPcieThroughput(d, k) for k in (0, 1)], [700, 800]),
    "PCIe replays": (lambda n, d: n.nvmlDeviceGetPcieReplayCounter(d), 9),
    "MIG": (lambda n, d: n.nvmlDeviceGetMigMode(d), [0, 1]),
    "fabric": (lambda n, d: _fabric(n, d, n.c_nvmlGpuFabricInfo_v2_t()), (2, 999)),
    "fabric, third form": (lambda n, d: _fabric(n, d, n.c_nvmlGpuFabricInfo_v3_t()), (2, 999)),
    "compute processes": (
        lambda n, d: [(p.pid, p.usedGpuMemory) for p in n.nvmlDeviceGetComputeRunningProcesses(d)],
        [(4242, 2048 << 20)],
    ),
    "graphics processes": (lambda n, d: [p.pid for p in n.nvmlDeviceGetGraphicsRunningProcesses(d)], [4343]),
    "MPS processes": (lambda n, d: n.nvmlDeviceGetMPSComputeRunningProcesses(d), []),
    "process activity": (
        lambda n, d: [(s.pid, s.smUtil, s.memUtil) for s in n.nvmlDeviceGetProcessUtilization(d, 0)],
        [(4242, 93, 41), (4343, 93, 41)],
    ),
    "fields of 32 bits": (
        lambda n, d: [v.value.uiVal for v in n.nvmlDeviceGetFieldValues(d, [82, 91, 144, 186, 230])],
        [71, 18, 1, 321_500, 4],
    ),
    "fields of 64 bits": (
        lambda n, d: [v.value.ullVal for v in n.nvmlDeviceGetFieldValues(d, [83, 38, 52, 75, 138, 139])],
        [321_500_000, 8, 11, 12345678901, 5_000_000_000, 6_000_000_000],
    ),
    "a field of one link": (lambda n, d: n.nvmlDeviceGetFieldValues(d, [(165, 7)])[0].value.uiVal, 0),
    "an unknown field": (lambda n, d: n.nvmlDeviceGetFieldValues(d, [299])[0].nvmlReturn, 3),
}


@pytest.mark.parametrize("what", CALLS)
def test_a_value_comes_through(what: str, gpus: Simulation, nvml: Any) -> None:
    with gpus.path.open("a") as file:
        file.write(STATE)
    call, expected = CALLS[what]
    assert call(nvml, nvml.nvmlDeviceGetHandleByIndex(2)) == expected


def test_the_reader_meets_no_missing_function(gpus: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    missing: list[str] = []
    look_up = pynvml._nvmlGetFunctionPointer

    def watched(name: str) -> Any:
        try:
            return look_up(name)
        except pynvml.NVMLError:
            missing.append(name)
            raise

    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer", watched)
    reader = Nvml()
    sample = reader.sample()
    reader.close()
    assert (missing, sample.failures, len(sample.gpus)) == ([], (), 8)
    del gpus


@pytest.mark.parametrize(
    "call",
    ["nvmlDeviceGetFanSpeed", "nvmlDeviceGetDriverModel", "nvmlDeviceGetRetiredPagesPendingStatus"],
)
def test_what_an_h200_does_not_do_is_not_supported(call: str, nvml: Any) -> None:
    with pytest.raises(pynvml.NVMLError) as raised:
        getattr(nvml, call)(nvml.nvmlDeviceGetHandleByIndex(0))
    assert raised.value.value == nvml.NVML_ERROR_NOT_SUPPORTED


def test_a_structure_of_another_version_is_refused(nvml: Any) -> None:
    with pytest.raises(pynvml.NVMLError) as raised:
        nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByIndex(0), version=0x03000028)
    assert raised.value.value == nvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH


def test_a_gpu_is_found_by_each_of_its_names(nvml: Any) -> None:
    device = nvml.nvmlDeviceGetHandleByIndex(4)
    found = (
        nvml.nvmlDeviceGetHandleByUUID(nvml.nvmlDeviceGetUUID(device)),
        nvml.nvmlDeviceGetHandleBySerial(nvml.nvmlDeviceGetSerial(device)),
        nvml.nvmlDeviceGetHandleByPciBusId(nvml.nvmlDeviceGetPciInfo(device).busId),
    )
    assert [nvml.nvmlDeviceGetIndex(one) for one in found] == [4, 4, 4]


def test_names_are_unique_and_stay(gpus: Simulation, nvml: Any) -> None:
    def uuids() -> list[str]:
        return [nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetHandleByIndex(index)) for index in range(8)]

    first = uuids()
    assert len(set(first)) == 8
    assert all(len(uuid) == len("GPU-") + 36 for uuid in first)
    assert uuids() == first
    gpus.set(seed="another machine")
    assert not set(uuids()) & set(first)


def test_versions_say_that_it_is_a_simulation(nvml: Any) -> None:
    assert nvml.nvmlSystemGetDriverVersion() == "580.95.05-simulated"
    assert nvml.nvmlSystemGetCudaDriverVersion() == 13000
    assert hasattr(nvml.nvmlLib, "freehold_simulation")
