"""The thread that asks NVML at its own pace. Nobody waits for it: a hung call only makes the last sample old."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from freehold.exporter.energy import OTHERS
from freehold.exporter.page import Rendered, render
from freehold.exporter.services import Accounts, UnitsOf
from freehold.gpu.facts import Failure, Sample

MOST_FAILURES = 512
"""Kinds of failures that are told apart: a driver that makes up error codes must not grow the page for ever."""


class Reader(Protocol):
    """What the sampler asks; :class:`freehold.gpu.nvml.Nvml` is the real one."""

    def sample(self) -> Sample:
        """All GPUs now."""

    def close(self) -> None:
        """Give the library back."""


class Sampler:
    """Takes a sample each ``interval`` seconds and keeps the last one as text."""

    def __init__(
        self,
        reader: Reader,
        interval: float,
        hostname: str,
        *,
        units_of: UnitsOf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._interval = interval
        self._hostname = hostname
        self._clock = clock
        self._accounts = Accounts(units_of)
        self._stopped = threading.Event()
        self._failed: Counter[Failure] = Counter()
        self._samples = 0
        self.library_is_old = False
        """Why it ended by itself: the driver was replaced, and only a new process can load the new library."""
        self.latest: Rendered | None = None
        """Replaced whole after each sample, so that it can be read from any thread without a lock."""

    def stop(self) -> None:
        """Take no further sample."""
        self._stopped.set()

    def run(self) -> None:
        """Sample until stopped, or until the library is old. A sample over the interval is followed by one at once.

        For a thread that does not keep the process alive: a call into a hung driver never comes back.
        """
        while not (self._stopped.is_set() or self.library_is_old):
            due = self._clock() + self._interval
            self.once()
            self._stopped.wait(0.0 if self.library_is_old else max(0.0, due - self._clock()))
        self._reader.close()

    def once(self) -> None:
        """One sample."""
        sample = self._reader.sample()
        self._samples += 1
        for failure in sample.failures:
            self._failed[self._kind(failure)] += 1
        services = self._accounts.add(sample)
        self.latest = render(sample, self._failed, self._samples, self._hostname, services)
        self.library_is_old = sample.library_is_old

    def _kind(self, failure: Failure) -> Failure:
        known = failure in self._failed or len(self._failed) < MOST_FAILURES
        return failure if known else Failure(failure.gpu, OTHERS, OTHERS)
