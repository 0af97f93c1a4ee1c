"""What each GPU does: use, memory, temperature, power, clocks, traffic."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Unit
from freehold.report.panels.shared import NODE

_GPU = "{{node}} GPU {{gpu}}"
_MIB = 2**20
_MHZ = 10**6


def _each(metric: str, scale: str = "") -> str:
    return f"max by (node, gpu) ({metric}{{{NODE}}}){scale}"


def _figure(name: str, title: str, about: str, unit: Unit, *queries: Query, zero: str = "", empty: str = "") -> Panel:
    return Panel(
        id=f"health-gpu-{name}",
        title=title,
        about=about,
        kind="series",
        unit=unit,
        queries=queries,
        decimals=0,
        gpu=True,
        may_be_zero=zero,
        may_be_empty=empty,
    )


FIGURES = Row(
    "GPUs",
    (
        _figure(
            "use",
            "Use",
            "Share of time in which a kernel ran, by NVML. It says nothing of how full the GPU was.",
            Unit.RATIO,
            Query(_each("DCGM_FI_DEV_GPU_UTIL", " / 100"), _GPU),
        ),
        _figure(
            "memory",
            "Memory in use",
            "Of the framebuffer. An engine takes its share at start and keeps it.",
            Unit.BYTES,
            Query(_each("DCGM_FI_DEV_FB_USED", f" * {_MIB}"), _GPU),
        ),
        _figure(
            "memory-by-service",
            "Memory by service",
            "What the processes of each systemd unit hold, on all GPUs of the node.",
            Unit.BYTES,
            Query(
                f"sum by (node, service) (freehold_gpu_process_memory_bytes{{{NODE}}})",
                "{{node}} {{service}}",
            ),
            empty="Engines that compute on the CPU hold no memory of a GPU.",
        ),
        _figure(
            "memory-ratio",
            "Part of the memory in use",
            "Mean of a node's GPUs.",
            Unit.RATIO,
            Query(f"freehold:gpu_memory_used:ratio{{{NODE}}}", "{{node}}"),
        ),
        _figure(
            "temperature",
            "Temperature",
            "Of the chip and of its memory.",
            Unit.CELSIUS,
            Query(_each("DCGM_FI_DEV_GPU_TEMP"), f"{_GPU} chip"),
            Query(_each("DCGM_FI_DEV_MEMORY_TEMP"), f"{_GPU} memory"),
        ),
        _figure(
            "power",
            "Power",
            "As NVML samples it, and the limit in force. NVML looks a part of the time only: energy is counted "
            "elsewhere.",
            Unit.WATTS,
            Query(_each("DCGM_FI_DEV_POWER_USAGE"), _GPU),
            Query(f"max by (node) (DCGM_FI_DEV_ENFORCED_POWER_LIMIT{{{NODE}}})", "{{node}} highest limit"),
        ),
        _figure(
            "clocks",
            "Clocks",
            "Of the processors and of the memory. Lower under load than beside it: see what holds the GPU back.",
            Unit.HERTZ,
            Query(_each("DCGM_FI_DEV_SM_CLOCK", f" * {_MHZ}"), f"{_GPU} processors"),
            Query(_each("DCGM_FI_DEV_MEM_CLOCK", f" * {_MHZ}"), f"{_GPU} memory"),
        ),
        _figure(
            "nvlink-traffic",
            "NVLink traffic",
            "Payload through all links of a GPU, sent and received, over five minutes.",
            Unit.BYTES_PER_SECOND,
            Query(
                f"max by (node, gpu) (rate(freehold_gpu_nvlink_sent_bytes_total{{{NODE}}}[5m]))",
                f"{_GPU} sent",
            ),
            Query(
                f"max by (node, gpu) (rate(freehold_gpu_nvlink_received_bytes_total{{{NODE}}}[5m]))",
                f"{_GPU} received",
            ),
            zero="A model that fits on one GPU sends nothing to another.",
        ),
    ),
)
