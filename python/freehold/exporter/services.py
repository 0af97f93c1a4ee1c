"""Services on the GPUs: processes named by their units, their memory, and the energy that is theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from freehold.exporter.energy import WINDOW_SECONDS, Ledger, Window
from freehold.exporter.units import UNKNOWN
from freehold.gpu.facts import Gpu, Identity, Instance, Process, Sample

UnitsOf = Callable[[Iterable[int]], Mapping[int, str]]


@dataclass(frozen=True)
class Held:
    """Memory that a service holds on a GPU, or on one of its MIG instances."""

    gpu: Identity
    instance: Instance | None
    service: str
    memory_bytes: int


@dataclass(frozen=True)
class Services:
    """What is shown of services."""

    held: tuple[Held, ...] = ()
    joules: Mapping[str, float] = field(default_factory=dict)
    windows: Mapping[str, int] = field(default_factory=dict)


class Accounts:
    """Follows the samples; each one is told once, in order. ``units_of`` names the units of processes."""

    def __init__(self, units_of: UnitsOf) -> None:
        self._units_of = units_of
        self._units: Mapping[int, str] = {}
        self._ledger = Ledger()
        self._windows: dict[str, Window] = {}

    def add(self, sample: Sample) -> Services:
        """Take a sample into account; units are looked up only when its processes are new."""
        if sample.slow:
            self._units = self._named(dict.fromkeys(one.pid for gpu in sample.gpus for one in gpu.processes or ()))
        for gpu in sample.gpus:
            self._follow(gpu, sample)
        held = tuple(one for gpu in sample.gpus for one in self._held(gpu))
        return Services(held, dict(self._ledger.joules), dict(self._ledger.windows))

    def _named(self, pids: Iterable[int]) -> dict[int, str]:
        """The services of processes, by the names under which they are counted: memory's are energy's."""
        units = self._units_of(pids)
        return {pid: self._ledger.know(units.get(pid, UNKNOWN)) for pid in pids}

    def _follow(self, gpu: Gpu, sample: Sample) -> None:
        uuid, reading = gpu.identity.uuid, gpu.reading
        energy = None if reading is None else reading.energy_millijoules
        if uuid is None or reading is None or energy is None:
            return
        window = self._windows.setdefault(uuid, Window(sample.taken_at, energy))
        if reading.utilisation_percent is not None:
            window.busy = bool(window.busy) or reading.utilisation_percent > 0
        if sample.slow:
            self._look(window, gpu)
            if sample.taken_at - window.began >= WINDOW_SECONDS:
                self._ledger.close(window, energy)
                self._windows[uuid] = Window(sample.taken_at, energy)

    def _look(self, window: Window, gpu: Gpu) -> None:
        window.held = None if gpu.processes is None else self._memory(gpu.processes)
        samples = [
            (self._units.get(one.pid, UNKNOWN), one.sm_percent)
            for one in gpu.processes or ()
            if one.sm_percent is not None
        ]
        if samples:
            window.active = window.active or Counter()
            for service, percent in samples:
                window.active[service] += percent

    def _memory(self, processes: Iterable[Process]) -> dict[str, int | None]:
        found: dict[str, int | None] = {}
        for one in processes:
            service = self._units.get(one.pid, UNKNOWN)
            sizes = [size for size in (found.get(service), one.memory_bytes) if size is not None]
            found[service] = sum(sizes) if sizes else None
        return found

    def _held(self, gpu: Gpu) -> list[Held]:
        instances: dict[int | None, Instance | None] = {one.number: one for one in gpu.instances}
        found = []
        for number in dict.fromkeys(one.instance for one in gpu.processes or ()):
            memory = self._memory(one for one in gpu.processes or () if one.instance == number)
            found += [
                Held(gpu.identity, instances.get(number), service, size) for service, size in memory.items() if size
            ]
        return found
