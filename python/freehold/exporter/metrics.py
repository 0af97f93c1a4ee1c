"""What the exporter shows: dcgm-exporter's metrics where NVML gives the same value, ``freehold_gpu_*`` for the rest.

Names, units, types and labels are those of dcgm-exporter 4.5 (etc/default-counters.csv and the template of its
renderer), so that dashboards made for it work unchanged. What NVML does not give (``DCGM_FI_PROF_*``, retired pages on
Hopper) is absent, never made up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from freehold.exporter.described import GPU_LABELS, INSTANCE_LABELS, Described, Kind
from freehold.exporter.own import OWN
from freehold.gpu.facts import Gpu, Reading

MIB = 2**20
KIB = 2**10

Value = float | int | None


@dataclass(frozen=True, kw_only=True)
class Metric(Described):
    """One metric of a GPU; ``value`` gives None where there is nothing to show."""

    value: Callable[[Gpu], Value]


def _gpu(name: str, kind: Kind, unit: str, text: str, value: Callable[[Gpu], Value]) -> Metric:
    return Metric(name, kind, unit, text, GPU_LABELS, value=value)


def _read(name: str, kind: Kind, unit: str, text: str, value: Callable[[Reading], Value]) -> Metric:
    return _gpu(name, kind, unit, text, lambda gpu: None if gpu.reading is None else value(gpu.reading))


def _mib(size: int | None) -> Value:
    return None if size is None else size // MIB


def _held(part: str, text: str, size: Callable[[Reading], int | None]) -> Metric:
    one = _read(f"DCGM_FI_DEV_FB_{part}", "gauge", "MiB", text, lambda reading: _mib(size(reading)))
    return replace(one, mig_labels=INSTANCE_LABELS)


def _active(links: tuple[bool, ...] | None) -> Value:
    return None if links is None else sum(links)


def _violation(policy: str, number: int, words: str) -> Metric:
    return _read(
        f"DCGM_FI_DEV_{policy}_VIOLATION",
        "counter",
        "nanoseconds",
        f"Throttling duration due to {words} (in ns).",
        lambda reading: reading.violation_nanoseconds[number],
    )


DCGM: tuple[Metric, ...] = (
    _read("DCGM_FI_DEV_SM_CLOCK", "gauge", "MHz", "SM clock frequency (in MHz).", lambda r: r.sm_clock_mhz),
    _read("DCGM_FI_DEV_MEM_CLOCK", "gauge", "MHz", "Memory clock frequency (in MHz).", lambda r: r.memory_clock_mhz),
    _read("DCGM_FI_DEV_VIDEO_CLOCK", "gauge", "MHz", "Video clock frequency (in MHz).", lambda r: r.video_clock_mhz),
    _read("DCGM_FI_DEV_PSTATE", "gauge", "", "Performance state, 0 is the highest.", lambda r: r.performance_state),
    _read(
        "DCGM_FI_DEV_MEMORY_TEMP",
        "gauge",
        "celsius",
        "Memory temperature (in C).",
        lambda r: r.memory_temperature_celsius,
    ),
    _read("DCGM_FI_DEV_GPU_TEMP", "gauge", "celsius", "GPU temperature (in C).", lambda r: r.temperature_celsius),
    _read("DCGM_FI_DEV_POWER_USAGE", "gauge", "watts", "Power draw (in W).", lambda r: r.power_watts),
    _read(
        "DCGM_FI_DEV_ENFORCED_POWER_LIMIT",
        "gauge",
        "watts",
        "Power limit in force (in W).",
        lambda r: r.power_limit_watts,
    ),
    _read(
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
        "counter",
        "millijoules",
        "Total energy consumption since boot (in mJ).",
        lambda r: r.energy_millijoules,
    ),
    _read("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "counter", "", "Total number of PCIe retries.", lambda r: r.pcie_replays),
    _read("DCGM_FI_DEV_PCIE_LINK_GEN", "gauge", "", "PCIe generation of the link.", lambda r: r.pcie_generation),
    _read("DCGM_FI_DEV_PCIE_LINK_WIDTH", "gauge", "", "PCIe lanes of the link.", lambda r: r.pcie_width),
    _read("DCGM_FI_DEV_GPU_UTIL", "gauge", "percent", "GPU utilization (in %).", lambda r: r.utilisation_percent),
    _read(
        "DCGM_FI_DEV_MEM_COPY_UTIL",
        "gauge",
        "percent",
        "Memory utilization (in %).",
        lambda r: r.memory_utilisation_percent,
    ),
    _read("DCGM_FI_DEV_ENC_UTIL", "gauge", "percent", "Encoder utilization (in %).", lambda r: r.encoder_percent),
    _read("DCGM_FI_DEV_DEC_UTIL", "gauge", "percent", "Decoder utilization (in %).", lambda r: r.decoder_percent),
    _gpu("DCGM_FI_DEV_XID_ERRORS", "gauge", "", "Value of the last XID error encountered.", lambda gpu: gpu.last_xid),
    _read(
        "DCGM_FI_DEV_CLOCKS_EVENT_REASONS",
        "gauge",
        "",
        "Why the clocks are not higher: NVML's bit field.",
        lambda r: r.throttle_reasons,
    ),
    _violation("POWER", 0, "power constraints"),
    _violation("THERMAL", 1, "thermal constraints"),
    _violation("SYNC_BOOST", 2, "sync-boost constraints"),
    _violation("BOARD_LIMIT", 3, "board limit constraints"),
    _violation("LOW_UTIL", 4, "low utilization"),
    _violation("RELIABILITY", 5, "reliability constraints"),
    _held("TOTAL", "Framebuffer memory (in MiB).", lambda r: r.memory_total_bytes),
    _held("FREE", "Framebuffer memory free (in MiB).", lambda r: r.memory_free_bytes),
    _held("USED", "Framebuffer memory used (in MiB).", lambda r: r.memory_used_bytes),
    _held("RESERVED", "Framebuffer memory reserved (in MiB).", lambda r: r.memory_reserved_bytes),
    _read(
        "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL",
        "counter",
        "",
        "Total number of single-bit volatile ECC errors.",
        lambda r: r.ecc_single_volatile,
    ),
    _read(
        "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL",
        "counter",
        "",
        "Total number of double-bit volatile ECC errors.",
        lambda r: r.ecc_double_volatile,
    ),
    _read(
        "DCGM_FI_DEV_ECC_SBE_AGG_TOTAL",
        "counter",
        "",
        "Total number of single-bit persistent ECC errors.",
        lambda r: r.ecc_single_aggregate,
    ),
    _read(
        "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL",
        "counter",
        "",
        "Total number of double-bit persistent ECC errors.",
        lambda r: r.ecc_double_aggregate,
    ),
    _read(
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
        "counter",
        "",
        "Number of remapped rows for uncorrectable errors",
        lambda r: r.remapped_uncorrectable,
    ),
    _read(
        "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
        "counter",
        "",
        "Number of remapped rows for correctable errors",
        lambda r: r.remapped_correctable,
    ),
    _read(
        "DCGM_FI_DEV_ROW_REMAP_FAILURE",
        "gauge",
        "",
        "Whether remapping of rows has failed",
        lambda r: r.remapped_failure,
    ),
    _read(
        "DCGM_FI_DEV_ROW_REMAP_PENDING", "gauge", "", "Whether a remap waits for a reset", lambda r: r.remapped_pending
    ),
    _read(
        "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL",
        "counter",
        "",
        "Total number of NVLink flow-control CRC errors.",
        lambda r: r.nvlink_crc_flit_errors,
    ),
    _read(
        "DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL",
        "counter",
        "",
        "Total number of NVLink data CRC errors.",
        lambda r: r.nvlink_crc_data_errors,
    ),
    _read(
        "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL",
        "counter",
        "",
        "Total number of NVLink retries.",
        lambda r: r.nvlink_replays,
    ),
    _read(
        "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL",
        "counter",
        "",
        "Total number of NVLink recovery errors.",
        lambda r: r.nvlink_recoveries,
    ),
)


def _bytes(kib: int | None) -> Value:
    return None if kib is None else kib * KIB


FREEHOLD: tuple[Metric, ...] = (
    _gpu("freehold_gpu_lost", "gauge", "", "1 where the GPU cannot be reached.", lambda gpu: int(gpu.reading is None)),
    _read(
        "freehold_gpu_recovery_action",
        "gauge",
        "",
        "NVML's advice: 0 none, 1 reset the GPU, 2 reboot, 3 drain P2P, 4 drain and reset; see NVML for higher ones.",
        lambda r: r.recovery_action,
    ),
    _read(
        "freehold_gpu_fabric_state",
        "gauge",
        "",
        "NVSwitch fabric: 0 not supported, 1 not started, 2 in progress, 3 completed.",
        lambda r: r.fabric_state,
    ),
    _read(
        "freehold_gpu_fabric_status",
        "gauge",
        "",
        "NVML's code for the fabric's result, 0 is success.",
        lambda r: r.fabric_status,
    ),
    _read("freehold_gpu_nvlinks_active", "gauge", "", "NVLinks that are up.", lambda r: _active(r.nvlinks_active)),
    _read(
        "freehold_gpu_nvlink_sent_bytes_total",
        "counter",
        "bytes",
        "Payload sent through all NVLinks.",
        lambda r: _bytes(r.nvlink_sent_kib),
    ),
    _read(
        "freehold_gpu_nvlink_received_bytes_total",
        "counter",
        "bytes",
        "Payload received through all NVLinks.",
        lambda r: _bytes(r.nvlink_received_kib),
    ),
    _read("freehold_gpu_ecc_enabled", "gauge", "", "Whether ECC is on.", lambda r: r.ecc_enabled),
    _read("freehold_gpu_mig_enabled", "gauge", "", "Whether MIG is on.", lambda r: r.mig_enabled),
)


def described() -> tuple[Described, ...]:
    """Every metric that the page can show: of GPUs under DCGM's names and ours, then the page's own."""
    return (*DCGM, *FREEHOLD, *OWN)
