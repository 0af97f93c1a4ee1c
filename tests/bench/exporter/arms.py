"""The arms: exporters that listen on loopback and read the same simulated GPUs."""

from __future__ import annotations

import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.gateway.processes import free_port, rss_megabytes, running

from freehold.exporter.cli import command
from freehold.lab.nvml import STATE_VARIABLE

INTERVAL = 5.0
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Running:
    """An arm that answers; one process, many threads."""

    name: str
    url: str
    pid: int

    def scrape(self) -> bytes:
        """The page, as Prometheus asks for it: a connection of its own each time."""
        with urllib.request.urlopen(self.url, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310  loopback
            body: bytes = answer.read()
            return body

    def cpu_seconds(self) -> float:
        """Processor time of all its threads, of those that have ended too, by the kernel's clock of that process."""
        return time.clock_gettime(~self.pid << 3 | 2)

    @property
    def megabytes(self) -> float:
        """Memory that it holds now."""
        return rss_megabytes(self.pid)


@dataclass(frozen=True)
class Arm:
    """``words`` gets the folder of the benchmark's environment and a port, and says what to run."""

    name: str
    words: Callable[[Path, int], Sequence[str]]

    @contextmanager
    def running(self, programs: Path, library: Path, state: Path) -> Iterator[Running]:
        """Run it over the simulated GPUs."""
        port = free_port()
        environment = {"LD_LIBRARY_PATH": str(library.parent), STATE_VARIABLE: str(state)}
        with running(self.words(programs, port), port, state.with_suffix(f".{self.name}.log"), environment) as pid:
            yield Running(self.name, f"http://127.0.0.1:{port}/metrics", pid)


def _freehold(programs: Path, port: int) -> Sequence[str]:
    del programs
    return [sys.executable, *command(f"127.0.0.1:{port}", INTERVAL)[1:]]


def _nvitop(programs: Path, port: int) -> Sequence[str]:
    return [str(programs / "nvitop-exporter"), "--port", str(port), "--interval", str(INTERVAL)]


ARMS = (Arm("freehold", _freehold), Arm("nvitop-exporter", _nvitop))
