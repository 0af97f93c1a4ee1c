"""The GPUs: what they draw and hold, whether they are there, too hot, or held back."""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Recording, Subject

ONE = "GPU {{ $labels.gpu }} ({{ $labels.UUID }}) of {{ $labels.node }}"

RECORDED = (
    Recording(
        "freehold:gpu_power_watts",
        ("node",),
        "What the node's GPUs draw, by their energy counters over 2 minutes. H100 and H200 sample power "
        "a quarter of the time (arXiv 2312.02741), so the power gauge is not used.",
        "sum by (node) (rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[2m])) / 1000",
    ),
    Recording(
        "freehold:gpu_power_watts:fleet",
        (),
        "The same for all nodes that tell it.",
        "sum(freehold:gpu_power_watts)",
    ),
    Recording(
        "freehold:gpu_utilisation:ratio",
        ("node",),
        "Part of the time in which a GPU had work, mean of the node's GPUs. It does not say how much work.",
        "avg by (node) (DCGM_FI_DEV_GPU_UTIL) / 100",
    ),
    Recording(
        "freehold:gpu_memory_used:ratio",
        ("node",),
        "Part of the GPUs' memory that is used.",
        "sum by (node) (DCGM_FI_DEV_FB_USED) / sum by (node) (DCGM_FI_DEV_FB_TOTAL)",
    ),
)

ALERTS = (
    Alert(
        "FreeholdGpuExporterDown",
        "warning",
        config.BRIEF,
        'freehold:declared_gpus > 0 unless on (node) (up{job="gpu"} == 1)',
        "{{ $labels.node }}: nothing is known of its GPUs",
        """Found: no answer from the GPU exporter of {{ $labels.node }} for [[hold]]. Expected: figures of its
        {{ $value }} GPUs. They may work; nobody can tell.""",
    ),
    Alert(
        "FreeholdGpuSilent",
        "critical",
        config.FOUR_SCRAPES,
        "max by (node) (freehold_gpu_up) == 0",
        "{{ $labels.node }}: NVML does not answer",
        """Found: freehold_gpu_up 0 for [[hold]], NVML refuses or hangs and there is no fresh sample. Expected: a sample
        that is at most three intervals old.""",
    ),
    Alert(
        "FreeholdGpuLost",
        "critical",
        config.AT_ONCE,
        "max by (node, gpu, UUID) (freehold_gpu_lost) == 1",
        f"{ONE} is lost",
        "Found: NVML counts the GPU and cannot reach it. Expected: every GPU answers.",
    ),
    Alert(
        "FreeholdGpuMissing",
        "critical",
        config.FOUR_SCRAPES,
        "max by (node) (freehold:declared_gpus) - on (node) max by (node) (freehold_gpu_count) != 0",
        "{{ $labels.node }}: not the declared number of GPUs",
        """Found: {{ $value }} GPUs fewer than declared (below 0: more). Expected: the number in the fleet's settings,
        0 fewer.""",
    ),
    Alert(
        "FreeholdGpuHot",
        "warning",
        config.A_WHILE,
        "max by (node, gpu, UUID) (DCGM_FI_DEV_GPU_TEMP) > [[celsius]]",
        f"{ONE} is hot",
        "Found: {{ $value }} degrees Celsius for [[hold]]. Expected: at most [[celsius]].",
        {"celsius": config.GPU_CELSIUS},
    ),
    Alert(
        "FreeholdGpuMemoryHot",
        "warning",
        config.A_WHILE,
        "max by (node, gpu, UUID) (DCGM_FI_DEV_MEMORY_TEMP) > [[celsius]]",
        f"{ONE}: its memory is hot",
        "Found: {{ $value }} degrees Celsius for [[hold]]. Expected: at most [[celsius]].",
        {"celsius": config.HBM_CELSIUS},
    ),
    Alert(
        "FreeholdGpuThermalSlowdown",
        "warning",
        config.FOUR_SCRAPES,
        "floor(max by (node, gpu, UUID) (DCGM_FI_DEV_CLOCKS_EVENT_REASONS) / [[bit]]) % 2 == 1",
        f"{ONE} is slowed down by its own heat protection",
        "Found: the hardware's thermal slowdown (bit [[bit]] of the clocks' reasons) for [[hold]]. Expected: not set.",
        {"bit": config.THERMAL_BIT},
    ),
    Alert(
        "FreeholdGpuPowerBrake",
        "critical",
        config.FOUR_SCRAPES,
        "floor(max by (node, gpu, UUID) (DCGM_FI_DEV_CLOCKS_EVENT_REASONS) / [[bit]]) % 2 == 1",
        f"{ONE} is braked: the power supply asks for it",
        "Found: the hardware's power brake (bit [[bit]] of the clocks' reasons) for [[hold]]. Expected: not set.",
        {"bit": config.BRAKE_BIT},
    ),
    Alert(
        "FreeholdGpuOverPowerLimit",
        "warning",
        config.A_WHILE,
        """
        max by (node, gpu, UUID) (rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[2m])) / 1000
          / on (node, gpu, UUID) max by (node, gpu, UUID) (DCGM_FI_DEV_ENFORCED_POWER_LIMIT) > [[ratio]]
        """,
        f"{ONE} draws more than its limit",
        """Found: {{ $value | humanizePercentage }} of the limit in force, by the energy counter, for [[hold]].
        Expected: at most [[ratio]] of it.""",
        {"ratio": config.POWER_RATIO},
    ),
    Alert(
        "FreeholdGpuEccOff",
        "warning",
        config.FOUR_SCRAPES,
        "min by (node, gpu, UUID) (freehold_gpu_ecc_enabled) == 0",
        f"{ONE} works without ECC",
        "Found: ECC off: a flipped bit is served as an answer. Expected: on.",
    ),
)

SUBJECT = Subject("gpu", "The GPUs.", RECORDED, ALERTS)
