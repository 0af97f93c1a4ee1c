"""The GPUs: what they draw and hold."""

from __future__ import annotations

from monitoring.model import Recording, Subject

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

SUBJECT = Subject("gpu", "The GPUs.", RECORDED)
