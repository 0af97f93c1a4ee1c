"""One GPU's reading: which NVML call fills which value, and the most that a sane GPU can say."""

from __future__ import annotations

from ctypes import byref
from typing import Any

from freehold.gpu.calls import Calls
from freehold.gpu.facts import Reading

# Bounds that no GPU of this decade comes near; beyond them a number is garbage, not a fact.
HOTTEST_CELSIUS = 150
MOST_MILLIWATTS = 3_000_000
MOST_MHZ = 10_000
MOST_BYTES = 2**42
MOST_COUNT = 2**63
ALL_LINKS = 2**32 - 1  # DCGM asks for the sum of all NVLinks with this scope

VIOLATIONS = ("POWER", "THERMAL", "SYNC_BOOST", "BOARD_LIMIT", "LOW_UTILIZATION", "RELIABILITY")

FIELDS = {
    "memory_temperature_celsius": "NVML_FI_DEV_MEMORY_TEMP",
    "energy_millijoules": "NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    "pcie_replays": "NVML_FI_DEV_PCIE_REPLAY_COUNTER",
    "ecc_single_volatile": "NVML_FI_DEV_ECC_SBE_VOL_TOTAL",
    "ecc_double_volatile": "NVML_FI_DEV_ECC_DBE_VOL_TOTAL",
    "ecc_single_aggregate": "NVML_FI_DEV_ECC_SBE_AGG_TOTAL",
    "ecc_double_aggregate": "NVML_FI_DEV_ECC_DBE_AGG_TOTAL",
    "remapped_correctable": "NVML_FI_DEV_REMAPPED_COR",
    "remapped_uncorrectable": "NVML_FI_DEV_REMAPPED_UNC",
    "remapped_pending": "NVML_FI_DEV_REMAPPED_PENDING",
    "remapped_failure": "NVML_FI_DEV_REMAPPED_FAILURE",
    "nvlink_crc_flit_errors": "NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL",
    "nvlink_crc_data_errors": "NVML_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL",
    "nvlink_replays": "NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL",
    "nvlink_recoveries": "NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL",
    "recovery_action": "NVML_FI_DEV_GET_GPU_RECOVERY_ACTION",
}
LINK_SUMS = {
    "nvlink_sent_kib": "NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX",
    "nvlink_received_kib": "NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX",
}


def read_gpu(calls: Calls, handle: Any, gpu: int) -> Reading:
    """Everything that the GPU says now; about 40 calls, the fields in one."""
    values: dict[str, Any] = {}
    for part in (_fields, _thermal_and_power, _activity, _memory, _bus, _links, _modes):
        values.update(part(calls, handle, gpu))
    return Reading(**values)


def _fields(calls: Calls, handle: Any, gpu: int) -> dict[str, Any]:
    module = calls.module
    numbers = {name: getattr(module, field) for name, field in FIELDS.items() if hasattr(module, field)}
    policies = {f"NVML_FI_DEV_PERF_POLICY_{policy}": policy for policy in VIOLATIONS}
    numbers |= {policy: getattr(module, field) for field, policy in policies.items()}
    found = calls.fields(handle, numbers, gpu=gpu)
    hot = found.pop("memory_temperature_celsius", None)
    return {
        **{name: value for name, value in found.items() if name in FIELDS},
        **calls.fields(
            handle, {name: (getattr(module, field), ALL_LINKS) for name, field in LINK_SUMS.items()}, gpu=gpu
        ),
        "memory_temperature_celsius": calls.checked(hot, "NVML_FI_DEV_MEMORY_TEMP", gpu=gpu, most=HOTTEST_CELSIUS),
        "violation_nanoseconds": tuple(found.get(policy) for policy in VIOLATIONS),
    }


def _thermal_and_power(calls: Calls, handle: Any, gpu: int) -> dict[str, Any]:
    temperature = calls.ask("nvmlDeviceGetTemperature", handle, calls.module.NVML_TEMPERATURE_GPU, gpu=gpu)
    power = calls.number("nvmlDeviceGetPowerUsage", handle, gpu=gpu, most=MOST_MILLIWATTS)
    limit = calls.number("nvmlDeviceGetEnforcedPowerLimit", handle, gpu=gpu, most=MOST_MILLIWATTS)
    return {
        "temperature_celsius": calls.checked(temperature, "nvmlDeviceGetTemperature", gpu=gpu, most=HOTTEST_CELSIUS),
        "power_watts": None if power is None else power / 1000,
        "power_limit_watts": None if limit is None else limit / 1000,
        "throttle_reasons": calls.number("nvmlDeviceGetCurrentClocksEventReasons", handle, gpu=gpu, most=MOST_COUNT),
    }


def _activity(calls: Calls, handle: Any, gpu: int) -> dict[str, Any]:
    name = "nvmlDeviceGetUtilizationRates"
    rates = calls.ask(name, handle, gpu=gpu)
    encoder = calls.ask("nvmlDeviceGetEncoderUtilization", handle, gpu=gpu)
    decoder = calls.ask("nvmlDeviceGetDecoderUtilization", handle, gpu=gpu)
    return {
        "utilisation_percent": calls.checked(rates and rates.gpu, name, gpu=gpu, most=100),
        "memory_utilisation_percent": calls.checked(rates and rates.memory, name, gpu=gpu, most=100),
        "encoder_percent": calls.checked(encoder and encoder[0], "nvmlDeviceGetEncoderUtilization", gpu=gpu, most=100),
        "decoder_percent": calls.checked(decoder and decoder[0], "nvmlDeviceGetDecoderUtilization", gpu=gpu, most=100),
        "performance_state": calls.number("nvmlDeviceGetPerformanceState", handle, gpu=gpu, most=32),
        **{
            key: calls.number("nvmlDeviceGetClockInfo", handle, getattr(calls.module, clock), gpu=gpu, most=MOST_MHZ)
            for key, clock in (
                ("sm_clock_mhz", "NVML_CLOCK_SM"),
                ("memory_clock_mhz", "NVML_CLOCK_MEM"),
                ("video_clock_mhz", "NVML_CLOCK_VIDEO"),
            )
        },
    }


def _memory(calls: Calls, handle: Any, gpu: int) -> dict[str, Any]:
    name = "nvmlDeviceGetMemoryInfo"
    info = calls.ask(name, handle, calls.module.nvmlMemory_v2, gpu=gpu)
    if info is None:
        return {}
    parts = {part: calls.checked(getattr(info, part), name, gpu=gpu, most=MOST_BYTES) for part in MEMORY_PARTS}
    total = parts["total"]
    if total is not None:
        parts = {part: calls.checked(value, name, gpu=gpu, most=total) for part, value in parts.items()}
    return {f"memory_{part}_bytes": value for part, value in parts.items()}


MEMORY_PARTS = ("total", "reserved", "used", "free")


def _bus(calls: Calls, handle: Any, gpu: int) -> dict[str, Any]:
    return {
        "pcie_generation": calls.number("nvmlDeviceGetCurrPcieLinkGeneration", handle, gpu=gpu, most=16),
        "pcie_width": calls.number("nvmlDeviceGetCurrPcieLinkWidth", handle, gpu=gpu, most=64),
    }


def _links(calls: Calls, handle: Any, gpu: int) -> dict[str, Any]:
    count = calls.fields(handle, {"links": calls.module.NVML_FI_DEV_NVLINK_LINK_COUNT}, gpu=gpu).get("links", 0)
    if not 0 < count <= calls.module.NVML_NVLINK_MAX_LINKS:
        return {}
    states = [calls.number("nvmlDeviceGetNvLinkState", handle, link, gpu=gpu, most=1) for link in range(count)]
    return {} if None in states else {"nvlinks_active": tuple(bool(state) for state in states)}


def _modes(calls: Calls, handle: Any, gpu: int) -> dict[str, Any]:
    ecc = calls.ask("nvmlDeviceGetEccMode", handle, gpu=gpu)
    mig = calls.ask("nvmlDeviceGetMigMode", handle, gpu=gpu)
    return {
        "ecc_enabled": None if ecc is None else bool(ecc[0]),
        "mig_enabled": None if mig is None else bool(mig[0]),
        **_fabric(calls, handle, gpu),
    }


def _fabric(calls: Calls, handle: Any, gpu: int) -> dict[str, Any]:
    info = calls.module.c_nvmlGpuFabricInfo_v2_t()
    if calls.ask("nvmlDeviceGetGpuFabricInfoV", handle, byref(info), gpu=gpu) is None:
        return {}
    return {"fabric_state": int(info.state), "fabric_status": int(info.status)}
