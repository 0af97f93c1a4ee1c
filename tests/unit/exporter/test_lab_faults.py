"""What the lab does to a node's exporter, done to the shipped exporter on this machine, at fifty times its pace."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from tests.lab import test_gpu_exporter as lab
from tests.unit.nvml.simulation import Simulation

from freehold.lab.nvml import STATE_VARIABLE

INTERVAL, REOPEN_SECONDS, RESTART_SECONDS = 0.1, 0.3, 0.05
PATIENCE_SECONDS = 10.0
PROGRAM = (
    "import sys, freehold.gpu.nvml as n; n.REOPEN_AFTER_SECONDS = float(sys.argv.pop()); "
    "from freehold.exporter.__main__ import main; sys.exit(main())"
)


@dataclass
class Here:
    """The exporter over a state file of the test's own; a thread starts it anew when it fails, as systemd would."""

    gpus: Simulation
    listen: str
    interval: float = INTERVAL
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.before = self.gpus.path.read_text()

    def supervise(self) -> None:
        words = [sys.executable, "-P", "-c", PROGRAM, "--listen", self.listen, "--interval", str(INTERVAL)]
        given = {"LD_LIBRARY_PATH": str(self.gpus.library.parent), STATE_VARIABLE: str(self.gpus.path)}
        given["WATCHDOG_USEC"] = "300000"  # it looks after its threads as often as it would feed a watchdog
        while not self.stopping.wait(RESTART_SECONDS):
            self.started.append(subprocess.Popen([*words, str(REOPEN_SECONDS)], env={**os.environ, **given}))
            self.started[-1].wait()

    def scrape(self) -> str:
        try:
            with urllib.request.urlopen(f"http://{self.listen}/metrics", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def show(self, **changes: object) -> None:
        self.gpus.set(**changes)

    def restore(self) -> None:
        new = self.gpus.path.with_suffix(".new")
        new.write_text(self.before)
        new.replace(self.gpus.path)

    def process(self) -> str:
        return str(len(self.started))

    def serves(self) -> bool:
        return not self.stopping.is_set()  # there is no model here

    def end(self) -> None:
        self.stopping.set()
        for process in self.started:
            process.kill()


@pytest.fixture
def place(gpus: Simulation) -> Iterator[lab.Place]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        here = Here(gpus, f"127.0.0.1:{sock.getsockname()[1]}")
    supervising = threading.Thread(target=here.supervise, daemon=True)
    supervising.start()
    try:
        yield from lab.as_before(here)
    finally:
        here.end()
        supervising.join(PATIENCE_SECONDS)


CRASH = lab.test_a_library_that_crashes_is_another_process_and_the_same_page
FAULTS = [fault for name, fault in vars(lab).items() if name.startswith("test_")]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_as_in_the_lab(place: lab.Place, fault: Callable[[lab.Place], None]) -> None:
    fault(place)


def test_a_page_is_read_by_names_and_labels() -> None:
    """The control: what is asked for and is not there is not found."""
    page = 'freehold_gpu_up 1\nDCGM_FI_DEV_GPU_TEMP{gpu="0"} 30\nDCGM_FI_DEV_GPU_TEMP{gpu="1"} 31\n'
    assert lab.values(page, "DCGM_FI_DEV_GPU_TEMP", gpu="1") == [31]
    assert lab.values(page, "freehold_gpu_up") == [1]
    assert lab.values(page, "DCGM_FI_DEV_GPU_TEMP", gpu="2") == lab.values("", "freehold_gpu_up") == []


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault is not CRASH], ids=lambda fault: fault.__name__)
def test_an_exporter_that_shows_old_values_is_found(
    place: lab.Place, fault: Callable[[lab.Place], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a page that was frozen while all was well. After a crash another process is all that is asked."""
    page = lab.healthy(place)
    with monkeypatch.context() as frozen:
        frozen.setattr(lab, "SECONDS", 1.0)
        frozen.setattr(Here, "scrape", lambda _self: page)
        with pytest.raises(AssertionError, match="not within"):
            fault(place)
