"""The page's own metrics: about the exporter, about services and about events, where a row is no GPU."""

from __future__ import annotations

from freehold.exporter.described import INSTANCE_LABELS, Described

UP = Described("freehold_gpu_up", "gauge", "", "1 where NVML answers and the last sample is fresh.")
SAMPLE_AGE = Described("freehold_gpu_sample_age_seconds", "gauge", "seconds", "Age of the last sample.")
SIMULATED = Described(
    "freehold_simulated", "gauge", "", "1 for a part that is simulated: its values are not real.", ("part",)
)
SAMPLES = Described("freehold_gpu_samples_total", "counter", "samples", "Samples taken since the start.")
SAMPLE_SECONDS = Described("freehold_gpu_sample_seconds", "gauge", "seconds", "How long the last sample took.")
SLOW_PASS_SECONDS = Described(
    "freehold_gpu_slow_pass_seconds",
    "gauge",
    "seconds",
    "How long the last slow pass took: processes and what rarely changes, each 4th sample.",
)
FAILED_CALLS = Described(
    "freehold_gpu_failed_calls_total", "counter", "calls", "NVML calls that failed.", ("gpu", "call", "error")
)
COUNT = Described("freehold_gpu_count", "gauge", "GPUs", "GPUs that NVML counts.")
XIDS = Described(
    "freehold_gpu_xid_total", "counter", "events", "Xid events since the exporter's start.", ("gpu", "UUID", "xid")
)
PROCESS_MEMORY = Described(
    "freehold_gpu_process_memory_bytes",
    "gauge",
    "bytes",
    "Memory that a service's processes hold on the GPU, at the last slow pass; unknown: in no unit.",
    ("gpu", "UUID", "service"),
    INSTANCE_LABELS,
)
SERVICE_ENERGY = Described(
    "freehold_gpu_service_energy_joules_total",
    "counter",
    "joules",
    "Energy of all GPUs by service since the exporter's start: the counter's increments over windows of at least 10 s, "
    "divided by share of SM utilisation, else by memory held; none: the GPU was idle.",
    ("service",),
)
ENERGY_WINDOWS = Described(
    "freehold_gpu_service_energy_windows_total",
    "counter",
    "windows",
    "Windows of a GPU's energy that were divided, by method: sm_utilisation, memory_held, idle, unknown.",
    ("method",),
)
CPU_SECONDS = Described("process_cpu_seconds_total", "counter", "seconds", "CPU time of the exporter.")
RESIDENT = Described("process_resident_memory_bytes", "gauge", "bytes", "Memory of the exporter.")

OWN: tuple[Described, ...] = (
    UP,
    SAMPLE_AGE,
    SIMULATED,
    SAMPLES,
    SAMPLE_SECONDS,
    SLOW_PASS_SECONDS,
    FAILED_CALLS,
    XIDS,
    CPU_SECONDS,
    RESIDENT,
    COUNT,
    PROCESS_MEMORY,
    SERVICE_ENERGY,
    ENERGY_WINDOWS,
)
