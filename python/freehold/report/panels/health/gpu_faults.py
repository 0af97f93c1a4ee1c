"""What is wrong with a GPU, and what NVML advises: throttling, Xid, memory errors, links, fabric."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Unit, Word
from freehold.report.panels.shared import NODE

_GPU = "{{node}} GPU {{gpu}}"

REASONS = (
    (0x04, Word(1, "software power cap", "none")),
    (0x20, Word(2, "software thermal slowdown", "look")),
    (0x08, Word(3, "hardware slowdown", "bad")),
    (0x40, Word(4, "hardware thermal slowdown", "bad")),
    (0x80, Word(5, "hardware power brake", "bad")),
)
"""NVML's bits of the clocks' event reasons (nvml.h); a power cap by software is normal under load."""

ACTIONS = (
    Word(0, "none", "good"),
    Word(1, "reset the GPU", "bad"),
    Word(2, "reboot the node", "bad"),
    Word(3, "drain peer to peer", "look"),
    Word(4, "drain, then reset", "bad"),
)
"""NVML's recovery actions; of a number that is not here the number is shown: ask NVIDIA's documentation."""

FABRIC = (
    Word(0, "not supported", "none"),
    Word(1, "not started", "bad"),
    Word(2, "in progress", "look"),
    Word(3, "completed", "good"),
)
_WHETHER = (Word(0, "no", "good"), Word(1, "yes", "bad"))
_ON = (Word(0, "off", "look"), Word(1, "on", "good"))


def _each(metric: str) -> str:
    return f"max by (node, gpu) ({metric}{{{NODE}}})"


def _held_back(bit: int, number: int) -> str:
    reasons = f"DCGM_FI_DEV_CLOCKS_EVENT_REASONS{{{NODE}}}"
    return f"max by (node, gpu) (floor({reasons} / {bit}) % 2 == 1) * {number}"


def _column(metric: str, head: str, words: tuple[Word, ...] = ()) -> Query:
    return Query(_each(metric), head, unit=Unit.STATE if words else None, words=words)


FAULTS = Row(
    "Faults of GPUs, and what to do",
    (
        Panel(
            id="health-gpu-table",
            title="GPUs, now",
            about="Each GPU with the action that NVML advises. What to do at which fault: docs/runbooks. An empty "
            "field means that this GPU does not tell it.",
            kind="table",
            unit=Unit.NUMBER,
            queries=(
                _column("freehold_gpu_lost", "Lost", _WHETHER),
                _column("freehold_gpu_recovery_action", "Action", ACTIONS),
                _column("DCGM_FI_DEV_XID_ERRORS", "Last Xid"),
                _column("freehold_gpu_ecc_enabled", "ECC", _ON),
                _column("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "ECC corrected"),
                _column("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "ECC uncorrected"),
                _column("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "Rows remapped, corrected"),
                _column("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "Rows remapped, uncorrected"),
                _column("DCGM_FI_DEV_ROW_REMAP_PENDING", "Remap waits for a reset", _WHETHER),
                _column("DCGM_FI_DEV_ROW_REMAP_FAILURE", "Remap failed", _WHETHER),
                _column("freehold_gpu_nvlinks_active", "NVLinks up"),
                _column("freehold_gpu_fabric_state", "Fabric", FABRIC),
            ),
            width=24,
            decimals=0,
            gpu=True,
            links=(
                "FreeholdGpuLost",
                "FreeholdGpuRecoveryWanted",
                "FreeholdGpuXidCritical",
                "FreeholdGpuRemapPending",
                "FreeholdGpuRemapFailed",
                "FreeholdGpuFabricIncomplete",
                "FreeholdGpuEccOff",
                "FreeholdGpuNvlinkDown",
            ),
        ),
        Panel(
            id="health-gpu-held-back",
            title="What holds a GPU back",
            about="Reasons of NVML for clocks that are not higher, while they last. A power cap by software is "
            "normal under load; anything of the hardware is not.",
            kind="states",
            unit=Unit.STATE,
            queries=tuple(Query(_held_back(bit, word.value), f"{_GPU}: {word.text}") for bit, word in REASONS),
            words=tuple(word for _, word in REASONS),
            gpu=True,
            may_be_empty="A cool GPU below its power limit is not held back.",
            links=(
                "FreeholdGpuThermalSlowdown",
                "FreeholdGpuPowerBrake",
            ),
        ),
        Panel(
            id="health-gpu-action",
            title="Action that NVML advises",
            about="By GPU, over time. None is the healthy answer.",
            kind="states",
            unit=Unit.STATE,
            queries=(Query(_each("freehold_gpu_recovery_action"), _GPU),),
            words=ACTIONS,
            gpu=True,
            may_be_zero="0 is none: a healthy GPU needs no action.",
            links=("FreeholdGpuRecoveryWanted",),
        ),
        Panel(
            id="health-gpu-xid",
            title="Xid errors",
            about="Events of the driver since the exporter's start, by GPU and number. Which number asks for what: "
            "docs/runbooks.",
            kind="table",
            unit=Unit.NUMBER,
            queries=(Query(f"sum by (node, gpu, xid) (freehold_gpu_xid_total{{{NODE}}})", "Events"),),
            decimals=0,
            gpu=True,
            may_be_empty="A healthy GPU has no Xid.",
            links=(
                "FreeholdGpuXidCritical",
                "FreeholdGpuXidRepeated",
                "FreeholdGpuXidUnusual",
            ),
        ),
        Panel(
            id="health-gpu-ecc",
            title="Memory errors, uncorrected",
            about="Double-bit ECC errors since the driver was loaded, and rows remapped for such errors in the GPU's "
            "life.",
            kind="series",
            unit=Unit.NUMBER,
            queries=(
                Query(_each("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"), f"{_GPU} errors"),
                Query(_each("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS"), f"{_GPU} rows remapped"),
            ),
            decimals=0,
            gpu=True,
            may_be_zero="A healthy GPU has none.",
            links=(
                "FreeholdGpuDoubleBitError",
                "FreeholdGpuRemapFailed",
            ),
        ),
        Panel(
            id="health-gpu-nvlink-errors",
            title="NVLink errors",
            about="Errors of all links of a GPU, over five minutes: checksums of data and of flow control, retries, "
            "recoveries.",
            kind="series",
            unit=Unit.PER_SECOND,
            queries=tuple(
                Query(
                    f"max by (node, gpu) (rate(DCGM_FI_DEV_NVLINK_{name}_ERROR_COUNT_TOTAL{{{NODE}}}[5m]))",
                    f"{_GPU} {text}",
                )
                for name, text in (
                    ("CRC_DATA", "data"),
                    ("CRC_FLIT", "flow control"),
                    ("REPLAY", "retries"),
                    ("RECOVERY", "recoveries"),
                )
            ),
            gpu=True,
            may_be_zero="Healthy links have none.",
            links=("FreeholdGpuNvlinkErrors",),
        ),
        Panel(
            id="health-gpu-sample-age",
            title="Age of the GPU figures",
            about="Time since each node's exporter last read its GPUs. Old figures are not shown as if new: they go.",
            kind="series",
            unit=Unit.TIME_AGO,
            queries=(Query(f"max by (node) (freehold_gpu_sample_age_seconds{{{NODE}}})", "{{node}}"),),
            decimals=1,
            gpu=True,
            links=(
                "FreeholdGpuSilent",
                "FreeholdGpuExporterDown",
            ),
        ),
    ),
)
