"""The page that a scrape gets: rendered once a sample, completed with the sample's age when it is served."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from freehold.exporter import own
from freehold.exporter.exposition import encoded, family, labels
from freehold.exporter.metrics import DCGM, FREEHOLD
from freehold.exporter.services import Held, Services
from freehold.gpu.facts import Failure, Gpu, Instance, Sample

FRESH_INTERVALS = 3
"""Two late samples are bad luck, three are an outage: from then on the page shows no values at all."""


@dataclass(frozen=True)
class Rendered:
    """A sample as text. ``always`` is true at any age (counters of the exporter, the mark of a simulation)."""

    taken_at: float
    answered: bool
    values: str
    always: str


def render(
    sample: Sample, failed: Mapping[Failure, int], samples: int, hostname: str, services: Services | None = None
) -> Rendered:
    """The text of ``sample``; ``failed`` counts failures since the start, ``samples`` the samples."""
    wholes = _wholes(sample, hostname)
    pieces = _pieces(sample, hostname, wholes)
    parts = [
        family(one, ((where, one.value(gpu)) for where, gpu in (pieces if one.mig_labels else wholes)))
        for one in DCGM + FREEHOLD
    ]
    parts.append(family(own.COUNT, [("", len(wholes))]))
    parts.append(_services(services or Services()))
    return Rendered(sample.taken_at, sample.answered, "".join(parts), _always(sample, failed, samples))


Rows = list[tuple[str, Gpu]]


def _wholes(sample: Sample, hostname: str) -> Rows:
    return [(labels(gpu_labels(gpu, sample.driver_version, hostname)), gpu) for gpu in sample.gpus]


def _pieces(sample: Sample, hostname: str, wholes: Rows) -> Rows:
    """GPUs, those with MIG instances by instance: the parts, and not the whole once more."""
    rows: Rows = []
    for whole in wholes:
        gpu = whole[1]
        rows += [
            (labels(gpu_labels(gpu, sample.driver_version, hostname, one)), Gpu(gpu.identity, one.reading))
            for one in gpu.instances
        ] or [whole]
    return rows


def gpu_labels(gpu: Gpu, driver_version: str | None, hostname: str, instance: Instance | None = None) -> dict[str, str]:
    """dcgm-exporter's labels, in its order."""
    identity = gpu.identity
    return {
        "gpu": str(identity.index),
        "UUID": identity.uuid or "",
        "pci_bus_id": identity.pci_bus_id or "",
        "device": f"nvidia{identity.index}",
        "modelName": identity.name or "",
        **_instance_labels(instance),
        "Hostname": hostname,
        "DCGM_FI_DRIVER_VERSION": driver_version or "",
    }


def _instance_labels(instance: Instance | None) -> dict[str, str]:
    return {} if instance is None else {"GPU_I_PROFILE": instance.profile, "GPU_I_ID": str(instance.number)}


def _services(services: Services) -> str:
    return "".join(
        (
            family(own.PROCESS_MEMORY, [(labels(_held_labels(one)), one.memory_bytes) for one in services.held]),
            family(own.SERVICE_ENERGY, _named("service", services.joules)),
            family(own.ENERGY_WINDOWS, _named("method", services.windows)),
        )
    )


def _held_labels(held: Held) -> dict[str, str]:
    whose = {"gpu": str(held.gpu.index), "UUID": held.gpu.uuid or "", "service": held.service}
    return {**whose, **_instance_labels(held.instance)}


def _named(label: str, values: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(labels({label: name}), value) for name, value in values.items()]


def _always(sample: Sample, failed: Mapping[Failure, int], samples: int) -> str:
    failures = [(labels(_failure_labels(failure)), count) for failure, count in sorted(failed.items(), key=_order)]
    xids = [
        (labels({"gpu": str(one.gpu), "UUID": one.uuid or "", "xid": str(one.code)}), one.times) for one in sample.xids
    ]
    simulated = [(labels({"part": "gpu"}), 1)] if sample.simulated else []
    return "".join(
        (
            family(own.SIMULATED, simulated),
            family(own.SAMPLES, [("", samples)]),
            family(own.SAMPLE_SECONDS, [("", round(sample.seconds, 6))]),
            family(own.SLOW_PASS_SECONDS, [("", round(sample.slow_seconds, 6))]),
            family(own.FAILED_CALLS, failures),
            family(own.XIDS, xids),
            _process(),
        )
    )


def _process() -> str:
    # The names that every Prometheus client uses, so that what the exporter itself costs is seen like any service's.
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    seconds = round(used.ru_utime + used.ru_stime, 2)
    return family(own.CPU_SECONDS, [("", seconds)]) + family(own.RESIDENT, [("", pages * resource.getpagesize())])


def _failure_labels(failure: Failure) -> dict[str, str]:
    where = "" if failure.gpu is None else str(failure.gpu)
    return {"gpu": where, "call": failure.call, "error": failure.error}


def _order(item: tuple[Failure, int]) -> tuple[int, str, str]:
    failure = item[0]
    return (-1 if failure.gpu is None else failure.gpu, failure.call, failure.error)


def page(rendered: Rendered | None, now: float, interval: float) -> bytes:
    """What is served ``now``. Values only from a sample that answered and is at most three intervals old."""
    if rendered is None:
        return encoded(up(alive=False))
    age = max(0.0, now - rendered.taken_at)
    fresh = rendered.answered and age <= FRESH_INTERVALS * interval
    text = family(own.SAMPLE_AGE, [("", round(age, 3))])
    return encoded(up(alive=fresh) + text + rendered.always + (rendered.values if fresh else ""))


def up(*, alive: bool) -> str:
    """Whether the GPUs' values are there and fresh."""
    return family(own.UP, [("", int(alive))])
