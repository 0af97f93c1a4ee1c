"""What GPUs report as faults, by the table of first actions: Xid, ECC, row remapping, NVLink, fabric, recovery.

A counter of Xids is born with its first event: :mod:`monitoring.rules.events`.
"""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Subject
from monitoring.rules.events import events_kept
from monitoring.rules.gpu import ONE

XID = "freehold_gpu_xid_total"


def _grew(matcher: str) -> str:
    found = events_kept(f"{XID}{{{matcher}}}", "[[window]]", "gpu")
    return f"max by (node, gpu, UUID, xid) {found} > 0"


REPEATED = events_kept(f'{XID}{{xid=~"[[xids]]"}}', "1d", "gpu")
OF_XID = "Found: Xid {{ $labels.xid }} within [[window]]. Expected: none."

XIDS = (
    Alert(
        "FreeholdGpuXidCritical",
        "critical",
        config.AT_ONCE,
        _grew('xid=~"[[xids]]"'),
        f"{ONE}: Xid {{{{ $labels.xid }}}}, which no restart of a service mends",
        OF_XID,
        {"xids": config.XID_CRITICAL, "window": config.XID_WINDOW},
    ),
    Alert(
        "FreeholdGpuXidUnusual",
        "warning",
        config.AT_ONCE,
        _grew('xid!~"[[critical]]|[[application]]|[[logged]]"'),
        f"{ONE}: Xid {{{{ $labels.xid }}}}, which somebody has to look at",
        OF_XID,
        {
            "critical": config.XID_CRITICAL,
            "application": config.XID_APPLICATION,
            "logged": config.XID_LOGGED,
            "window": config.XID_WINDOW,
        },
    ),
    Alert(
        "FreeholdGpuXidRepeated",
        "warning",
        config.AT_ONCE,
        f"sum by (node, gpu, UUID) (round{REPEATED}) >= [[times]]",
        f"{ONE}: faults of programs repeat on it",
        """Found: {{ $value }} of Xid [[xids]] in a day. Expected: fewer than [[times]]; a program's own fault would not
        stay with one GPU.""",
        {"xids": config.XID_APPLICATION, "times": config.XID_REPEATS},
    ),
)

MEMORY = (
    Alert(
        "FreeholdGpuDoubleBitError",
        "critical",
        config.AT_ONCE,
        "max by (node, gpu, UUID) (DCGM_FI_DEV_ECC_DBE_VOL_TOTAL) > [[errors]]",
        f"{ONE}: memory errors that ECC could not mend",
        "Found: {{ $value }} double-bit errors since the GPU's last reset. Expected: [[errors]].",
        {"errors": config.DOUBLE_BITS},
    ),
    Alert(
        "FreeholdGpuRemapFailed",
        "critical",
        config.AT_ONCE,
        "max by (node, gpu, UUID) (DCGM_FI_DEV_ROW_REMAP_FAILURE) == 1",
        f"{ONE}: a broken row of memory could not be replaced",
        "Found: row remapping failed: its spare rows are used up. Expected: no failure.",
    ),
    Alert(
        "FreeholdGpuRemapPending",
        "warning",
        config.FOUR_SCRAPES,
        "max by (node, gpu, UUID) (DCGM_FI_DEV_ROW_REMAP_PENDING) == 1",
        f"{ONE}: a broken row of memory waits for a reset",
        "Found: a row to be remapped at the next reset. Expected: none; it may go on serving until the next drain.",
    ),
)

LINKS = (
    Alert(
        "FreeholdGpuNvlinkDown",
        "critical",
        config.FOUR_SCRAPES,
        """
        max by (modelName) (max_over_time(freehold_gpu_nvlinks_active[1d]))
          - on (modelName) group_right () max by (node, gpu, UUID, modelName) (freehold_gpu_nvlinks_active) > 0
        """,
        f"{ONE} has fewer NVLinks than others of its model",
        """Found: {{ $value }} links fewer than the most of any {{ $labels.modelName }} of the fleet within a day.
        Expected: as many (an H200 has 18).""",
    ),
    Alert(
        "FreeholdGpuNvlinkErrors",
        "warning",
        config.AT_ONCE,
        """
        max by (node, gpu, UUID) (
          increase(DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL[1h]) > [[replays]]
          or
          increase(DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL[1h]) > [[replays]]
          or
          rate(DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL[5m]) > [[crc]]
          or
          rate(DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL[5m]) > [[crc]]
        )
        """,
        f"{ONE}: errors on its NVLinks",
        """Found: {{ $value | humanize }}: replays or recoveries in an hour, or CRC errors a second. Expected: at most
        [[replays]] replays, [[crc]] CRC errors a second.""",
        {"replays": config.NVLINK_REPLAYS, "crc": config.NVLINK_CRC},
    ),
    Alert(
        "FreeholdGpuFabricIncomplete",
        "critical",
        config.A_WHILE,
        """
        max by (node, gpu, UUID) (freehold_gpu_fabric_state > 0 != [[completed]])
          or
        max by (node, gpu, UUID) (freehold_gpu_fabric_status > 0)
          and on (node, gpu, UUID) max by (node, gpu, UUID) (freehold_gpu_fabric_state > 0)
        """,
        f"{ONE} is not part of the NVSwitch fabric",
        """Found: fabric state or status {{ $value }} for [[hold]]. Expected: state [[completed]] (completed) and status
        0. nvidia-smi looks fine meanwhile; CUDA fails with 802.""",
        {"completed": config.FABRIC_COMPLETED},
    ),
    Alert(
        "FreeholdGpuRecoveryWanted",
        "critical",
        config.FOUR_SCRAPES,
        "max by (node, gpu, UUID) (freehold_gpu_recovery_action) > [[none]]",
        f"{ONE}: the driver asks for a recovery",
        """Found: recovery action {{ $value }} (1 reset the GPU, 2 reboot, 3 drain P2P, 4 drain and reset; see NVML for
        higher ones). Expected: [[none]].""",
        {"none": config.RECOVERY_NONE},
    ),
)

SUBJECT = Subject("gpu_faults", "Faults that GPUs report.", (), (*XIDS, *MEMORY, *LINKS))
