"""One GPU's reading: which NVML call fills which value, how often, and the most that a sane GPU can say."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref
from typing import Any

from freehold.gpu.calls import Calls
from freehold.gpu.facts import Reading
from freehold.gpu.fields import FieldId, Fields

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
POWER, ECC_MODE, LINK_COUNT, LINK_STATE = (
    "NVML_FI_DEV_POWER_AVERAGE",  # over a second, as nvmlDeviceGetPowerUsage gives it from Ampere on
    "NVML_FI_DEV_ECC_CURRENT",
    "NVML_FI_DEV_NVLINK_LINK_COUNT",
    "NVML_FI_DEV_NVLINK_GET_STATE",
)

Values = dict[str, Any]


class GpuReader:
    """Reads one GPU. Most values are fields of one call; what rarely changes or costs much is asked for less often."""

    def __init__(self, module: Any, handle: Any, gpu: int) -> None:
        self._module, self._handle, self._gpu = module, handle, gpu
        self._links = 0
        self._fields: Fields | None = None
        self._kept: Values = {}

    def fast(self, calls: Calls) -> Values | None:
        """What is asked for in each sample, None if the GPU is lost. Four calls, and one more the first time."""
        before = len(calls.failures)
        found = self._read_fields(calls)
        if any(failure.error in LOST for failure in calls.failures[before:]):
            return None
        values = _of_fields(calls, found, self._gpu)
        values["power_watts"] = _power(calls, self._handle, self._gpu, found.get(POWER))
        values["nvlinks_active"] = _link_states(calls, self._handle, self._gpu, found, self._links)
        for part in (_thermal, _utilisation):
            values.update(part(calls, self._handle, self._gpu))
        return values

    def slow(self, calls: Calls, turn: int) -> None:
        """What is asked for less often: a part whose number divides ``turn``. What fails is forgotten, not kept."""
        for part, each in PARTS:
            if turn % each == 0:
                self._kept.update(part(calls, self._handle, self._gpu))

    def reading(self, values: Values) -> Reading:
        """``values`` of now, and those of the last slow pass."""
        return Reading(**self._kept, **values)

    def _read_fields(self, calls: Calls) -> dict[str, int]:
        """The links' states come with all else in one call; how many there are is asked for once."""
        if self._fields is None:
            alone = Fields(self._module, {LINK_COUNT: getattr(self._module, LINK_COUNT)})
            said = alone.read(calls, self._handle, self._gpu)
            if said is None:
                return {}
            links = said.get(LINK_COUNT, 0)
            self._links = links if links <= self._module.NVML_NVLINK_MAX_LINKS else 0
            self._fields = Fields(self._module, _wanted(self._module, self._links))
        return self._fields.read(calls, self._handle, self._gpu) or {}


def _wanted(module: Any, links: int) -> dict[str, FieldId]:
    # A field that this nvidia-ml-py has no number for is one that the GPU does not say.
    plain = {**FIELDS, **{policy: f"NVML_FI_DEV_PERF_POLICY_{policy}" for policy in VIOLATIONS}}
    plain |= {name: name for name in (POWER, ECC_MODE)}
    wanted: dict[str, FieldId] = {key: getattr(module, field) for key, field in plain.items() if hasattr(module, field)}
    wanted |= {key: (getattr(module, field), ALL_LINKS) for key, field in LINK_SUMS.items()}
    return wanted | {_link(link): (getattr(module, LINK_STATE), link) for link in range(links)}


def _link(number: int) -> str:
    return f"link{number}"


def _of_fields(calls: Calls, found: dict[str, int], gpu: int) -> Values:
    hot, ecc = found.get("memory_temperature_celsius"), found.get(ECC_MODE)
    return {
        **{name: found.get(name) for name in (*FIELDS, *LINK_SUMS)},
        "memory_temperature_celsius": calls.checked(hot, "NVML_FI_DEV_MEMORY_TEMP", gpu=gpu, most=HOTTEST_CELSIUS),
        "violation_nanoseconds": tuple(found.get(policy) for policy in VIOLATIONS),
        "ecc_enabled": None if ecc is None else bool(ecc),
    }


def _power(calls: Calls, handle: Any, gpu: int, field: int | None) -> float | None:
    name = "nvmlDeviceGetPowerUsage"
    if field is None:  # a driver older than the field
        field = calls.ask(name, handle, gpu=gpu)
    milliwatts = calls.checked(field, name, gpu=gpu, most=MOST_MILLIWATTS)
    return None if milliwatts is None else milliwatts / 1000


def _link_states(calls: Calls, handle: Any, gpu: int, found: dict[str, int], links: int) -> tuple[bool, ...] | None:
    states = {link: found[_link(link)] for link in range(links) if _link(link) in found}
    if len(states) < links:  # a driver older than the field: one call a link
        name = "nvmlDeviceGetNvLinkState"
        answers = {link: calls.number(name, handle, link, gpu=gpu, most=1) for link in range(links)}
        states = {link: state for link, state in answers.items() if state is not None}
    return tuple(bool(states[link]) for link in range(links)) if links and len(states) == links else None


def _thermal(calls: Calls, handle: Any, gpu: int) -> Values:
    name = "nvmlDeviceGetTemperature"
    temperature = calls.ask(name, handle, calls.module.NVML_TEMPERATURE_GPU, gpu=gpu)
    return {
        "temperature_celsius": calls.checked(temperature, name, gpu=gpu, most=HOTTEST_CELSIUS),
        "throttle_reasons": calls.number("nvmlDeviceGetCurrentClocksEventReasons", handle, gpu=gpu, most=MOST_COUNT),
    }


def _utilisation(calls: Calls, handle: Any, gpu: int) -> Values:
    name = "nvmlDeviceGetUtilizationRates"
    rates = calls.ask(name, handle, gpu=gpu)
    return {
        "utilisation_percent": calls.checked(rates and rates.gpu, name, gpu=gpu, most=100),
        "memory_utilisation_percent": calls.checked(rates and rates.memory, name, gpu=gpu, most=100),
    }


def _codecs(calls: Calls, handle: Any, gpu: int) -> Values:
    found = {}
    for key, name in (
        ("encoder_percent", "nvmlDeviceGetEncoderUtilization"),
        ("decoder_percent", "nvmlDeviceGetDecoderUtilization"),
    ):
        answer = calls.ask(name, handle, gpu=gpu)
        found[key] = calls.checked(answer and answer[0], name, gpu=gpu, most=100)
    return found


def _clocks(calls: Calls, handle: Any, gpu: int) -> Values:
    return {
        "sm_clock_mhz": _clock(calls, handle, gpu, "NVML_CLOCK_SM"),
        "memory_clock_mhz": _clock(calls, handle, gpu, "NVML_CLOCK_MEM"),
    }


def _clock(calls: Calls, handle: Any, gpu: int, which: str) -> int | None:
    return calls.number("nvmlDeviceGetClockInfo", handle, getattr(calls.module, which), gpu=gpu, most=MOST_MHZ)


MEMORY_PARTS = ("total", "reserved", "used", "free")


def read_memory(calls: Calls, handle: Any, gpu: int) -> Values:
    """Memory of a GPU, or of one of its MIG devices."""
    name = "nvmlDeviceGetMemoryInfo"
    info = calls.ask(name, handle, calls.module.nvmlMemory_v2, gpu=gpu)
    parts = {
        part: None if info is None else calls.checked(getattr(info, part), name, gpu=gpu, most=MOST_BYTES)
        for part in MEMORY_PARTS
    }
    total = parts["total"]
    if total is not None:
        parts = {part: calls.checked(value, name, gpu=gpu, most=total) for part, value in parts.items()}
    return {f"memory_{part}_bytes": value for part, value in parts.items()}


def _fabric(calls: Calls, handle: Any, gpu: int) -> Values:
    info = calls.module.c_nvmlGpuFabricInfo_v2_t()
    said = calls.ask("nvmlDeviceGetGpuFabricInfoV", handle, byref(info), gpu=gpu) is not None
    return {"fabric_state": int(info.state) if said else None, "fabric_status": int(info.status) if said else None}


def _settings(calls: Calls, handle: Any, gpu: int) -> Values:
    limit = calls.number("nvmlDeviceGetEnforcedPowerLimit", handle, gpu=gpu, most=MOST_MILLIWATTS)
    mig = calls.ask("nvmlDeviceGetMigMode", handle, gpu=gpu)
    return {
        "performance_state": calls.number("nvmlDeviceGetPerformanceState", handle, gpu=gpu, most=32),
        "power_limit_watts": None if limit is None else limit / 1000,
        "video_clock_mhz": _clock(calls, handle, gpu, "NVML_CLOCK_VIDEO"),
        "pcie_generation": calls.number("nvmlDeviceGetCurrPcieLinkGeneration", handle, gpu=gpu, most=16),
        "pcie_width": calls.number("nvmlDeviceGetCurrPcieLinkWidth", handle, gpu=gpu, most=64),
        "mig_enabled": None if mig is None else bool(mig[0]),
    }


SLOW, RARE = 4, 12
"""Each 4th sample and each 12th: at 5 s as often as Prometheus scrapes, and once a minute."""

PARTS: tuple[tuple[Callable[[Calls, Any, int], Values], int], ...] = (
    (_clocks, SLOW),
    (read_memory, SLOW),
    (_fabric, SLOW),
    (_codecs, RARE),
    (_settings, RARE),
)
