"""One GPU's reading: which NVML call fills which value, and the most that a sane GPU can say."""

from __future__ import annotations

from ctypes import byref
from typing import Any

from freehold.gpu.calls import Calls, FieldId
from freehold.gpu.facts import Reading

# Bounds that no GPU of this decade comes near; beyond them a number is garbage, not a fact.
HOTTEST_CELSIUS = 150
MOST_MILLIWATTS = 3_000_000
MOST_MHZ = 10_000
MOST_BYTES = 2**42
MOST_COUNT = 2**63
ALL_LINKS = 2**32 - 1  # DCGM asks for the sum of all NVLinks with this scope

LOST = frozenset({"GpuIsLost", "ResetRequired", "Uninitialized"})
"""What a GPU's calls say when it cannot be reached."""

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
ECC_MODE, LINK_COUNT, LINK_STATE = (
    "NVML_FI_DEV_ECC_CURRENT",
    "NVML_FI_DEV_NVLINK_LINK_COUNT",
    "NVML_FI_DEV_NVLINK_GET_STATE",
)


def read_gpu(calls: Calls, handle: Any, gpu: int) -> Reading | None:
    """Everything that the GPU says now, None if it is lost. About 18 calls: most values are fields of one call."""
    before = len(calls.failures)
    found = calls.fields(handle, _wanted(calls.module), gpu=gpu)
    if any(failure.error in LOST for failure in calls.failures[before:]):
        return None
    values = _fields(calls, found, gpu)
    for part in (_thermal_and_power, _activity, _memory, _bus, _modes):
        values.update(part(calls, handle, gpu))
    return Reading(**values, nvlinks_active=_links(calls, handle, gpu, found.get(LINK_COUNT, 0)))


def _wanted(module: Any) -> dict[str, FieldId]:
    # A field that this nvidia-ml-py has no number for is one that the GPU does not say.
    plain = {**FIELDS, **{policy: f"NVML_FI_DEV_PERF_POLICY_{policy}" for policy in VIOLATIONS}}
    plain |= {name: name for name in (ECC_MODE, LINK_COUNT)}
    wanted: dict[str, FieldId] = {key: getattr(module, field) for key, field in plain.items() if hasattr(module, field)}
    return wanted | {key: (getattr(module, field), ALL_LINKS) for key, field in LINK_SUMS.items()}


def _fields(calls: Calls, found: dict[str, int], gpu: int) -> dict[str, Any]:
    hot, ecc = found.get("memory_temperature_celsius"), found.get(ECC_MODE)
    return {
        **{name: found.get(name) for name in (*FIELDS, *LINK_SUMS)},
        "memory_temperature_celsius": calls.checked(hot, "NVML_FI_DEV_MEMORY_TEMP", gpu=gpu, most=HOTTEST_CELSIUS),
        "violation_nanoseconds": tuple(found.get(policy) for policy in VIOLATIONS),
        "ecc_enabled": None if ecc is None else bool(ecc),
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


def _links(calls: Calls, handle: Any, gpu: int, count: int) -> tuple[bool, ...] | None:
    if not 0 < count <= calls.module.NVML_NVLINK_MAX_LINKS:
        return None
    field = getattr(calls.module, LINK_STATE)
    states = calls.fields(handle, {str(link): (field, link) for link in range(count)}, gpu=gpu)
    if len(states) < count:  # a driver older than the field: one call a link
        name = "nvmlDeviceGetNvLinkState"
        answers = {str(link): calls.number(name, handle, link, gpu=gpu, most=1) for link in range(count)}
        states = {link: state for link, state in answers.items() if state is not None}
    return tuple(bool(states[str(link)]) for link in range(count)) if len(states) == count else None


def _modes(calls: Calls, handle: Any, gpu: int) -> dict[str, Any]:
    mig = calls.ask("nvmlDeviceGetMigMode", handle, gpu=gpu)
    return {
        "mig_enabled": None if mig is None else bool(mig[0]),
        **_fabric(calls, handle, gpu),
    }


def _fabric(calls: Calls, handle: Any, gpu: int) -> dict[str, Any]:
    info = calls.module.c_nvmlGpuFabricInfo_v2_t()
    if calls.ask("nvmlDeviceGetGpuFabricInfoV", handle, byref(info), gpu=gpu) is None:
        return {}
    return {"fabric_state": int(info.state), "fabric_status": int(info.status)}
