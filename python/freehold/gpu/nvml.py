"""The life of the library: opened when it can be, asked, opened anew when its handles are worth nothing."""

from __future__ import annotations

import ctypes
import importlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from freehold.gpu.calls import Calls
from freehold.gpu.facts import Gpu, Identity, Sample
from freehold.gpu.reading import read_gpu

REOPEN_AFTER_SECONDS = 30.0
"""A lost GPU stays lost until somebody acts, and opening costs up to a second a GPU without persistence mode."""

MOST_EVENTS = 64
"""In one sample: a storm of Xids must not keep it from ending."""

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
        self._driver: str | None = None
        self._handles: dict[int, Any] = {}
        self._identities: dict[int, Identity] = {}
        self._events: Any = None
        self._watched: dict[int | None, int] = {}
        self._xids: dict[int, int] = {}

    def sample(self) -> Sample:
        """All GPUs now. Takes as long as NVML takes: a hung driver hangs the caller."""
        started = self._clock()
        calls = Calls(self._module)
        self._prepare(calls)
        count = self._count(calls)
        gpus = tuple(self._gpu(calls, index) for index in range(count or 0))
        self._drain_events(calls)
        self._stale = calls.handles_are_gone or None in self._handles.values()
        self._answered = count is not None
        return Sample(
            taken_at=started,
            seconds=self._clock() - started,
            driver_version=self._driver,
            simulated=self.simulated,
            gpus=tuple(replace(gpu, last_xid=self._xids.get(gpu.identity.index)) for gpu in gpus),
            failures=tuple(calls.failures),
            answered=self._answered,
        )

    def close(self) -> None:
        """Give the library back; harmless when it is not open."""
        calls = Calls(self._module)
        if self._events is not None:
            calls.ask("nvmlEventSetFree", self._events)
        if self._open:
            calls.ask("nvmlShutdown")
        self._open, self._events, self._handles = False, None, {}

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
        self.close()
        self._opened_at = self._clock()
        self._open = calls.do("nvmlInit")
        if self._open:
            self._driver = calls.ask("nvmlSystemGetDriverVersion")
            self._find(calls)

    def _count(self, calls: Calls) -> int | None:
        count: int | None = calls.ask("nvmlDeviceGetCount") if self._open else None
        if count is not None and count != len(self._handles):
            self._reopen(calls)  # GPUs appeared or vanished
            count = calls.ask("nvmlDeviceGetCount") if self._open else None
        return count

    def _find(self, calls: Calls) -> None:
        count = calls.ask("nvmlDeviceGetCount") or 0
        self._handles = {index: calls.ask("nvmlDeviceGetHandleByIndex", index, gpu=index) for index in range(count)}
        found = {index: read_identity(calls, handle, index) for index, handle in self._handles.items()}
        # A GPU that is lost by now keeps the names it had.
        known = self._identities
        self._identities = {
            index: known.get(index, new) if self._handles[index] is None else new for index, new in found.items()
        }
        self._watch(calls)

    def _watch(self, calls: Calls) -> None:
        self._events = calls.ask("nvmlEventSetCreate")
        self._watched = {}
        for index, handle in self._handles.items() if self._events is not None else ():
            wanted = self._module.nvmlEventTypeXidCriticalError
            if handle is not None and calls.do("nvmlDeviceRegisterEvents", handle, wanted, self._events, gpu=index):
                self._watched[_address(handle)] = index
                self._xids.setdefault(index, 0)

    def _drain_events(self, calls: Calls) -> None:
        for _ in range(MOST_EVENTS if self._open and self._watched else 0):
            failed = len(calls.failures)
            event = calls.ask("nvmlEventSetWait_v2", self._events, 0)
            if event is None:
                # "No event within no time" is the usual answer, not a failure.
                calls.failures[failed:] = [one for one in calls.failures[failed:] if one.error != "Timeout"]
                return
            # By address: the GPU that an Xid 79 is about cannot be asked for its index any more.
            index = self._watched.get(_address(event.device))
            if index is not None:
                self._xids[index] = int(event.eventData)

    def _gpu(self, calls: Calls, index: int) -> Gpu:
        identity = self._identities.get(index, Identity(index))
        handle = self._handles.get(index)
        return Gpu(identity, None if handle is None else read_gpu(calls, handle, index))


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
