"""The life of the library: opened when it can be, asked, opened anew when its handles are worth nothing."""

from __future__ import annotations

import ctypes
import importlib
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from freehold.gpu.calls import Calls
from freehold.gpu.facts import Gpu, Identity, Sample, Xid
from freehold.gpu.plausible import EnergyGuard
from freehold.gpu.processes import ProcessReader
from freehold.gpu.reading import SLOW, GpuReader, Values

REOPEN_AFTER_SECONDS = 30.0
"""A lost GPU stays lost until somebody acts, and opening costs up to a second a GPU without persistence mode."""

MOST_EVENTS = 64
"""In one sample: a storm of Xids must not keep it from ending."""

MOST_GPUS = 64
"""A node of NVIDIA's has 8, or 16; a count beyond is garbage, and asking for so many would never end."""

MOST_XID = 999
"""The highest Xid of NVIDIA's catalogue has three digits; each number that is believed is a series for good."""

EVENT = "nvmlEventSetWait_v2"
SIMULATION_SYMBOL = "freehold_simulation"
SIMULATED_DRIVER = "-simulated"
SIMULATED_NAME = "(simulated)"


def real_module() -> Any:
    """nvidia-ml-py; it looks for ``libnvidia-ml.so.1`` only when it is initialised."""
    return importlib.import_module("pynvml")


class Nvml:
    """Reads samples; never raises for what NVML does. Not thread-safe: it belongs to one thread."""

    def __init__(self, module: Any = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._module = real_module() if module is None else module
        self._clock = clock
        self._open = False
        self._opened_at = -REOPEN_AFTER_SECONDS
        self._stale = False
        self._answered = False
        self._has_matched = False
        self._driver: str | None = None
        self._turn = 0
        self._slow_seconds = 0.0
        self._handles: dict[int, Any] = {}
        self._readers: dict[int, GpuReader] = {}
        self._processes: dict[int, ProcessReader] = {}
        self._identities: dict[int, Identity] = {}
        self._energy = EnergyGuard()
        self._events: Any = None
        self._watched: dict[int | None, int] = {}
        self._last_xids: dict[str, int] = {}
        self._xids: Counter[tuple[int, str | None, int]] = Counter()

    def sample(self) -> Sample:
        """All GPUs now. Takes as long as NVML takes: a hung driver hangs the caller."""
        started = self._clock()
        calls = Calls(self._module)
        self._prepare(calls)
        count = self._count(calls)
        slow = self._turn % SLOW == 0
        read = {index: self._read(calls, index) for index in range(count or 0)}
        if slow:
            self._slow_pass(calls, read)
        self._turn += 1
        self._drain_events(calls)
        self._stale = calls.handles_are_gone or None in self._handles.values()
        self._answered = count is not None
        library_is_old = self._has_matched and calls.library_is_old
        self._has_matched |= self._answered and not calls.library_is_old
        return Sample(
            taken_at=started,
            seconds=self._clock() - started,
            driver_version=self._driver,
            simulated=self.simulated,
            gpus=tuple(self._gpu(index, values) for index, values in read.items()),
            failures=tuple(calls.failures),
            slow=slow,
            slow_seconds=self._slow_seconds,
            xids=tuple(Xid(*what, times) for what, times in sorted(self._xids.items(), key=_by_gpu_and_code)),
            # Where it never matched, a new process would not either: the page says why.
            library_is_old=library_is_old,
            answered=self._answered,
        )

    def close(self) -> None:
        """Give the library back; harmless when it is not open."""
        calls = Calls(self._module)
        if self._events is not None:
            calls.ask("nvmlEventSetFree", self._events)
        if self._open:
            calls.ask("nvmlShutdown")
        self._open, self._events = False, None
        self._handles, self._readers, self._processes = {}, {}, {}

    @property
    def simulated(self) -> bool:
        """Whether the GPUs are a simulation: by the library's own mark, the driver's version or a name."""
        library = getattr(self._module, "nvmlLib", None)
        names = (identity.name or "" for identity in self._identities.values())
        return (
            (library is not None and hasattr(library, SIMULATION_SYMBOL))
            or (self._driver or "").endswith(SIMULATED_DRIVER)
            or any(SIMULATED_NAME in name for name in names)
        )

    def _prepare(self, calls: Calls) -> None:
        due = self._clock() - self._opened_at >= REOPEN_AFTER_SECONDS
        if not (self._open and self._answered) or (self._stale and due):
            self._reopen(calls)

    def _reopen(self, calls: Calls) -> None:
        self._drain_events(Calls(self._module))  # what came since the last sample would go with the set of events
        self.close()
        self._opened_at, self._turn = self._clock(), 0
        self._open = calls.do("nvmlInit")
        if self._open:
            self._driver = calls.ask("nvmlSystemGetDriverVersion")
            self._find(calls)

    def _count(self, calls: Calls) -> int | None:
        count = _gpus(calls) if self._open else None
        if count is not None and count != len(self._handles):
            self._reopen(calls)  # GPUs appeared or vanished
            count = _gpus(calls) if self._open else None
        return count

    def _find(self, calls: Calls) -> None:
        count = _gpus(calls) or 0
        self._handles = {index: calls.ask("nvmlDeviceGetHandleByIndex", index, gpu=index) for index in range(count)}
        found = {index: read_identity(calls, handle, index) for index, handle in self._handles.items()}
        # A GPU that is lost by now keeps the names it had, unless another one has its number now.
        named = {one.uuid for one in found.values()}
        known = {index: one for index, one in self._identities.items() if one.uuid not in named}
        self._identities = {
            index: known.get(index, new) if self._handles[index] is None else new for index, new in found.items()
        }
        there = {index: handle for index, handle in self._handles.items() if handle is not None}
        self._readers = {index: GpuReader(self._module, handle, index) for index, handle in there.items()}
        self._processes = {index: ProcessReader(self._module, handle, index) for index, handle in there.items()}
        self._watch(calls)

    def _watch(self, calls: Calls) -> None:
        self._events = calls.ask("nvmlEventSetCreate")
        self._watched = {}
        for index, handle in self._handles.items() if self._events is not None else ():
            wanted = self._module.nvmlEventTypeXidCriticalError
            if handle is not None and calls.do("nvmlDeviceRegisterEvents", handle, wanted, self._events, gpu=index):
                self._watched[_address(handle)] = index
                self._last_xids.setdefault(self._name(index), 0)

    def _drain_events(self, calls: Calls) -> None:
        for _ in range(MOST_EVENTS if self._open and self._watched else 0):
            event = calls.ask(EVENT, self._events, 0, means={"Timeout": None})
            if event is None:
                return
            # By address: the GPU that an Xid 79 is about cannot be asked for its index any more.
            index = self._watched.get(_address(event.device))
            code = None if index is None else calls.checked(event.eventData, EVENT, gpu=index, most=MOST_XID)
            if index is not None and code is not None:
                self._last_xids[self._name(index)] = code
                self._xids[index, self._identities[index].uuid, code] += 1

    def _read(self, calls: Calls, index: int) -> Values | None:
        reader = self._readers.get(index)
        values = None if reader is None else reader.fast(calls)
        energy = None if values is None else values["energy_millijoules"]
        uuid = self._identities.get(index, Identity(index)).uuid
        if values and energy is not None and uuid and not self._energy.allows(uuid, self._clock(), energy):
            calls.implausible("NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION", index)
            values["energy_millijoules"] = None
        return values

    def _slow_pass(self, calls: Calls, read: dict[int, Values | None]) -> None:
        started = self._clock()
        for index, values in read.items():
            if values is not None:
                self._readers[index].slow(calls, self._turn)
                mig = bool(self._readers[index].reading(values).mig_enabled)
                self._processes[index].read(calls, mig=mig)
        self._slow_seconds = self._clock() - started

    def _name(self, index: int) -> str:
        """What a GPU is known by when the others' numbers change."""
        return self._identities.get(index, Identity(index)).uuid or str(index)

    def _gpu(self, index: int, values: Values | None) -> Gpu:
        identity = self._identities.get(index, Identity(index))
        last_xid = self._last_xids.get(self._name(index))
        if values is None:
            return Gpu(identity, None, last_xid)
        on_it = self._processes[index]
        return Gpu(identity, self._readers[index].reading(values), last_xid, on_it.instances, on_it.processes)


def _gpus(calls: Calls) -> int | None:
    return calls.number("nvmlDeviceGetCount", gpu=None, most=MOST_GPUS)


def _by_gpu_and_code(item: tuple[tuple[int, str | None, int], int]) -> tuple[int, int]:
    return item[0][0], item[0][2]


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value


def read_identity(calls: Calls, handle: Any, index: int) -> Identity:
    """Who a GPU is; only its index where it could not be reached."""
    if handle is None:
        return Identity(index)
    pci = calls.ask("nvmlDeviceGetPciInfo", handle, gpu=index)
    return Identity(
        index=index,
        uuid=calls.ask("nvmlDeviceGetUUID", handle, gpu=index),
        name=calls.ask("nvmlDeviceGetName", handle, gpu=index),
        serial=calls.ask("nvmlDeviceGetSerial", handle, gpu=index),
        pci_bus_id=None if pci is None else pci.busId,
        pci_device_id=None if pci is None else int(pci.pciDeviceId),
        minor=calls.ask("nvmlDeviceGetMinorNumber", handle, gpu=index),
    )
