"""What was read, as frozen records. None means that the GPU does not say it, or that the call failed.

The difference is in ``failures``: a call that is not supported there is no failure.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Identity:
    """A GPU's lasting properties; ``index`` is NVML's, all else is None where the GPU could not be asked."""

    index: int
    uuid: str | None = None
    name: str | None = None
    serial: str | None = None
    pci_bus_id: str | None = None
    pci_device_id: int | None = None
    minor: int | None = None


@dataclass(frozen=True)
class Failure:
    """A call that failed: ``gpu`` is None for a call that is about no GPU, ``error`` a short stable name."""

    gpu: int | None
    call: str
    error: str


@dataclass(frozen=True)
class Reading:
    """One GPU at one moment, in base units unless the name says another."""

    temperature_celsius: int | None = None
    memory_temperature_celsius: int | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    energy_millijoules: int | None = None
    utilisation_percent: int | None = None
    memory_utilisation_percent: int | None = None
    encoder_percent: int | None = None
    decoder_percent: int | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    video_clock_mhz: int | None = None
    performance_state: int | None = None
    memory_total_bytes: int | None = None
    memory_reserved_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None
    pcie_replays: int | None = None
    ecc_enabled: bool | None = None
    ecc_single_volatile: int | None = None
    ecc_double_volatile: int | None = None
    ecc_single_aggregate: int | None = None
    ecc_double_aggregate: int | None = None
    remapped_correctable: int | None = None
    remapped_uncorrectable: int | None = None
    remapped_pending: int | None = None
    remapped_failure: int | None = None
    throttle_reasons: int | None = None
    violation_nanoseconds: tuple[int | None, ...] = (None,) * 6
    """Throttled time for power, heat, sync boost, board limit, low utilisation, reliability."""
    nvlinks_active: tuple[bool, ...] | None = None
    nvlink_crc_flit_errors: int | None = None
    nvlink_crc_data_errors: int | None = None
    nvlink_replays: int | None = None
    nvlink_recoveries: int | None = None
    nvlink_sent_kib: int | None = None
    nvlink_received_kib: int | None = None
    fabric_state: int | None = None
    fabric_status: int | None = None
    recovery_action: int | None = None
    mig_enabled: bool | None = None


@dataclass(frozen=True)
class Instance:
    """A GPU instance of MIG; ``reading`` holds its memory, and nothing else is said of it."""

    number: int
    profile: str
    reading: Reading


@dataclass(frozen=True)
class Process:
    """A process on a GPU. ``sm_percent`` adds up its samples since the last look: a weight, not a percentage."""

    pid: int
    memory_bytes: int | None = None
    sm_percent: int | None = None
    instance: int | None = None


@dataclass(frozen=True)
class Gpu:
    """A GPU in a sample; ``reading`` is None where the GPU is lost (it fell off the bus, or its handle is gone)."""

    identity: Identity
    reading: Reading | None
    last_xid: int | None = None
    """The last Xid seen since the library was opened; 0 is none, None that events cannot be had."""
    instances: tuple[Instance, ...] = ()
    processes: tuple[Process, ...] | None = None
    """As of the last slow pass; None where NVML does not say."""


@dataclass(frozen=True)
class Xid:
    """How often an Xid came since the reader's start."""

    gpu: int
    uuid: str | None
    code: int
    times: int


@dataclass(frozen=True)
class Sample:
    """All GPUs at one moment. ``taken_at`` is when the reading began, on the reader's clock, in seconds."""

    taken_at: float
    seconds: float
    driver_version: str | None
    simulated: bool
    gpus: tuple[Gpu, ...] = ()
    failures: tuple[Failure, ...] = field(default=())
    slow: bool = True
    """Whether what is asked at the slow pace (processes, for one) is of this sample."""
    slow_seconds: float = 0.0
    """How long the last slow pass took."""
    xids: tuple[Xid, ...] = ()
    library_is_old: bool = False
    """The driver was replaced under this process: only another process can load the new library."""
    answered: bool = True
    """False where NVML itself did not answer: no library, no driver, or it refuses every call."""
