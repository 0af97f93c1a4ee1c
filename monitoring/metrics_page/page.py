"""All metrics as one page, and their names as a set."""

from __future__ import annotations

from collections.abc import Iterator

from freehold.exporter.described import GPU_LABELS
from freehold.gateway.metrics import GEN_AI
from freehold.paths import PROJECT
from monitoring.metrics_page import declared, ours
from monitoring.metrics_page.described import Described, Table
from monitoring.metrics_page.prose import BEHIND, FIRST, GAPS, GATEWAY, RECORDED

GROUPS = {GPU_LABELS: "a GPU's", GEN_AI: "the four"}

GPU_NAMES = ", ".join(f"`{name}`" for name in GPU_LABELS)

GPUS = f"""\
Job `gpu`: the GPU exporter, under dcgm-exporter's names where NVML gives the same. A GPU's labels: {GPU_NAMES};
a MIG instance has two more."""

PAGE = PROJECT / "docs" / "metrics.md"


def tables() -> tuple[Table, ...]:
    """Every table of the page, in its order."""
    return (
        Table("Recorded series", RECORDED, ours.recorded()),
        Table("Constants of the site", "Role prometheus writes them from the fleet document.", declared.SITE),
        Table("GPUs", GPUS, ours.gpu_exporter()),
        Table("The gateway", GATEWAY, ours.gateway()),
        Table("What leaves by exception", BEHIND, ours.frontier()),
        Table("Drift", "Job `node`, by the textfile collector, every five minutes.", ours.drift_probe()),
        Table("Sovereignty, certificates, firewall", "Job `node`, by the textfile collector.",
              (*ours.sovereignty(), *declared.CERTIFICATES)),
        Table("The dead man's switch", "Job `dead_mans_switch`.", ours.dead_mans_switch()),
        Table("The status page", "Job `report`: the service behind it.", ours.status_page()),
        Table("vLLM", "Job `runtime`, engine `vllm`. Its own label `engine` arrives as `exported_engine`.",
              declared.VLLM),
        Table("llama.cpp", "Job `runtime`, engine `llama_cpp`.", declared.LLAMA_CPP),
        Table("The machine", "Job `node`: Debian's node exporter. Of its page, what rules and panels read.",
              declared.NODE_EXPORTER),
        Table("Monitoring itself", "Of every target, or of jobs `prometheus`, `alertmanager`, `blackbox`.",
              declared.PROMETHEUS),
    )  # fmt: skip


def known_names() -> frozenset[str]:
    """Every name that a query may ask for."""
    return frozenset(series for table in tables() for metric in table.metrics for series in metric.series)


def render() -> str:
    """The whole page."""
    return "\n".join((FIRST, *(line for table in tables() for line in _section(table)), GAPS))


def _section(table: Table) -> Iterator[str]:
    yield f"## {table.title}\n"
    yield f"{table.about}\n"
    units = any(metric.unit for metric in table.metrics)
    yield f"| metric | what | labels |{' unit |' if units else ''}"
    yield f"|---|---|---|{'---|' if units else ''}"
    for metric in table.metrics:
        yield _row(metric) + (f" {metric.unit} |" if units else "")
    yield ""


def _labels(names: tuple[str, ...]) -> str:
    # Tables of many rows with the same seven labels are read by nobody: their heads name them once.
    for group, words in GROUPS.items():
        if names[: len(group)] == group:
            return ", ".join((words, *(f"`{name}`" for name in names[len(group) :])))
    return ", ".join(f"`{name}`" for name in names)


def _row(metric: Described) -> str:
    labels = _labels(metric.labels)
    return f"| `{metric.name}` | {metric.help.replace('|', chr(92) + '|')} | {labels} |"
