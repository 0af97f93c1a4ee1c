"""Who is on a GPU: its MIG instances, and the processes on it. Asked at the slow pace, for these calls cost most."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from freehold.gpu.calls import Calls
from freehold.gpu.facts import Instance, Process, Reading
from freehold.gpu.reading import MOST_BYTES, read_memory

LISTS = (
    "nvmlDeviceGetComputeRunningProcesses",
    "nvmlDeviceGetGraphicsRunningProcesses",
    "nvmlDeviceGetMPSComputeRunningProcesses",
)
UTILISATION = "nvmlDeviceGetProcessUtilization"
MOST_DEVICES = 64
NOBODY = {"NotFound": (), "NoPermission": None}
"""What the driver says when no process did anything, and when it tells only root: the first is an answer."""


class ProcessReader:
    """Reads one GPU's instances and processes."""

    def __init__(self, module: Any, handle: Any, gpu: int) -> None:
        self._module, self._handle, self._gpu = module, handle, gpu
        self._since = 0
        self.instances: tuple[Instance, ...] = ()
        self.processes: tuple[Process, ...] | None = None

    def read(self, calls: Calls, *, mig: bool) -> None:
        """Look again; what cannot be had any more is forgotten."""
        devices = self._devices(calls) if mig else {}
        self.instances = tuple(found for handle in devices.values() if (found := self._instance(calls, handle)))
        self.processes = self._of_instances(calls, devices) if mig else self._held(calls, self._handle, None)
        if self.processes is not None and len(self.processes) > 1 and not mig:
            self.processes = self._with_activity(calls, self.processes)

    def _devices(self, calls: Calls) -> dict[int, Any]:
        """One MIG device for each GPU instance: compute instances of one share its memory and its processes' list."""
        found: dict[int, Any] = {}
        name = "nvmlDeviceGetMaxMigDeviceCount"
        for index in range(calls.number(name, self._handle, gpu=self._gpu, most=MOST_DEVICES) or 0):
            # Indices may have gaps: an instance that was destroyed leaves one.
            handle = calls.ask(
                "nvmlDeviceGetMigDeviceHandleByIndex", self._handle, index, gpu=self._gpu, means={"NotFound": None}
            )
            number = None if handle is None else calls.ask("nvmlDeviceGetGpuInstanceId", handle, gpu=self._gpu)
            if number is not None:
                found.setdefault(int(number), handle)
        return found

    def _instance(self, calls: Calls, handle: Any) -> Instance | None:
        number = calls.ask("nvmlDeviceGetGpuInstanceId", handle, gpu=self._gpu)
        name = calls.ask("nvmlDeviceGetName", handle, gpu=self._gpu)
        if number is None or name is None:
            return None
        return Instance(int(number), profile_of(name), Reading(**read_memory(calls, handle, self._gpu)))

    def _of_instances(self, calls: Calls, devices: dict[int, Any]) -> tuple[Process, ...] | None:
        lists = [self._held(calls, handle, number) for number, handle in devices.items()]
        known = [one for one in lists if one is not None]
        return tuple(process for one in known for process in one) if len(known) == len(lists) else None

    def _held(self, calls: Calls, handle: Any, instance: int | None) -> tuple[Process, ...] | None:
        found: dict[int, Process] = {}
        answers = [calls.ask(name, handle, gpu=self._gpu) for name in LISTS]
        for one in (one for answer in answers if answer is not None for one in answer):
            held = calls.checked(one.usedGpuMemory, LISTS[0], gpu=self._gpu, most=MOST_BYTES)
            known = found.get(one.pid)
            if known is None or (held or 0) > (known.memory_bytes or 0):  # one may stand in two lists
                found[one.pid] = Process(int(one.pid), held, instance=instance)
        return None if answers[0] is None else tuple(found.values())

    def _with_activity(self, calls: Calls, processes: tuple[Process, ...]) -> tuple[Process, ...]:
        samples = calls.ask(UTILISATION, self._handle, self._since, gpu=self._gpu, means=NOBODY)
        if samples is None:
            return processes
        weights: Counter[int] = Counter()
        for one in samples:
            self._since = max(self._since, int(one.timeStamp))
            weights[int(one.pid)] += calls.checked(one.smUtil, UTILISATION, gpu=self._gpu, most=100) or 0
        return tuple(replace(process, sm_percent=weights[process.pid]) for process in processes)


def profile_of(name: str) -> str:
    """``1g.18gb`` of a MIG device's name, as dcgm-exporter writes it; a compute instance's own part is left out."""
    return name.rpartition("MIG ")[2].rpartition("c.")[2]
