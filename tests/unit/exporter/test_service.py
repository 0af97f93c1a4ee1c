"""The shipped exporter as its own process, over the simulated library, from its first word to its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.nvml.simulation import Simulation

from freehold.cli import build
from freehold.errors import FreeholdError, RefusedError, UsageError
from freehold.exporter import service
from freehold.exporter.cli import command
from freehold.exporter.service import address, serve
from freehold.gpu.facts import Sample
from freehold.lab.nvml import STATE_VARIABLE

PATIENCE_SECONDS = 20.0
INTERVAL = 0.1


class NoGpus:
    """A reader that nobody asks."""

    def sample(self) -> Sample:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@dataclass
class Exporter:
    process: subprocess.Popen[str]
    url: str
    systemd: socket.socket

    def scrape(self) -> str:
        return self.get("/metrics")

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310  loopback
            return str(answer.read().decode())

    def until(self, condition: Callable[[str], bool]) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            text = self.scrape()
            if condition(text):
                return text
        pytest.fail(f"not within {PATIENCE_SECONDS} s:\n{self.scrape()[:2000]}")

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _start(tmp_path: Path, **environment: str) -> Exporter:
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.settimeout(PATIENCE_SECONDS)
    systemd.bind(str(tmp_path / "notify"))
    listen = f"127.0.0.1:{_free_port()}"
    process = subprocess.Popen(
        command(listen, INTERVAL),
        env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000", **environment},
        text=True,
        stderr=subprocess.PIPE,
    )
    assert systemd.recv(64).startswith(b"READY=1\n")
    return Exporter(process, f"http://{listen}", systemd)


@pytest.fixture
def exporter(tmp_path: Path, gpus: Simulation) -> Iterator[Exporter]:
    exporter = _start(tmp_path, LD_LIBRARY_PATH=str(gpus.library.parent), **{STATE_VARIABLE: str(gpus.path)})
    yield exporter
    exporter.process.kill()
    exporter.process.wait(PATIENCE_SECONDS)
    exporter.systemd.close()


def _is_up(text: str) -> bool:
    return "\nfreehold_gpu_up 1\n" in text


def _is_down(text: str) -> bool:
    return "\nfreehold_gpu_up 0\n" in text


def _has(text: str, what: str) -> bool:
    return any(line.startswith(what) for line in text.splitlines())


def test_values_follow_the_gpus(exporter: Exporter, gpus: Simulation) -> None:
    assert _has(exporter.until(_is_up), "DCGM_FI_DEV_GPU_TEMP")
    gpus.set(gpu3__temperature=91)
    exporter.until(lambda text: any(line.endswith("} 91") for line in text.splitlines()))


def test_a_hung_driver_shows_down_and_no_values_while_scrapes_stay_fast(exporter: Exporter, gpus: Simulation) -> None:
    exporter.until(_is_up)
    gpus.set(hang_ms=600_000)
    text = exporter.until(_is_down)
    assert not _has(text, "DCGM")
    assert _has(text, 'freehold_simulated{part="gpu"} 1')
    started = time.monotonic()
    for _ in range(10):
        exporter.scrape()
    assert time.monotonic() - started < 5, "a scrape waits for NVML"
    gpus.set(hang_ms=None)
    exporter.until(_is_up)


def test_it_ends_on_sigterm_even_while_the_driver_hangs(exporter: Exporter, gpus: Simulation) -> None:
    gpus.set(hang_ms=600_000)
    exporter.until(_is_down)
    assert exporter.end() == 0


def test_a_driver_that_is_slow_at_every_call_is_not_down(exporter: Exporter, gpus: Simulation) -> None:
    gpus.set(gpus=1, delay_us=1000)
    text = exporter.until(lambda text: _is_up(text) and "\nfreehold_gpu_count 1\n" in text)
    took = next(line for line in text.splitlines() if line.startswith("freehold_gpu_sample_seconds"))
    assert float(took.split()[1]) > 0.02


def test_systemd_hears_the_watchdog_and_the_end(exporter: Exporter) -> None:
    assert exporter.systemd.recv(64) == b"WATCHDOG=1"
    assert exporter.end() == 0
    heard = b""
    while not heard.startswith(b"STOPPING=1\n"):
        heard = exporter.systemd.recv(64)


def test_healthz_says_that_the_server_is_there_whatever_the_driver_does(exporter: Exporter, gpus: Simulation) -> None:
    gpus.set(hang_ms=600_000)
    assert exporter.get("/healthz") == "ok\n"


def test_a_library_that_crashes_ends_the_process_for_systemd_to_start_anew(
    tmp_path: Path, exporter: Exporter, gpus: Simulation
) -> None:
    exporter.until(_is_up)
    gpus.set(crash__nvmlDeviceGetTemperature=1)
    assert exporter.process.wait(PATIENCE_SECONDS) == -signal.SIGSEGV
    gpus.set(crash__nvmlDeviceGetTemperature=None)
    (tmp_path / "again").mkdir()
    again = _start(tmp_path / "again", LD_LIBRARY_PATH=str(gpus.library.parent), **{STATE_VARIABLE: str(gpus.path)})
    try:
        again.until(_is_up)
        assert again.end() == 0
    finally:
        again.process.kill()
        again.systemd.close()


def test_a_driver_that_was_replaced_ends_the_process_with_the_reason(exporter: Exporter, gpus: Simulation) -> None:
    exporter.until(_is_up)
    gpus.set(error=18)  # NVML_ERROR_LIB_RM_VERSION_MISMATCH
    assert exporter.process.wait(PATIENCE_SECONDS) == 1
    assert exporter.process.stderr is not None
    assert "EXPORTER_LIBRARY" in exporter.process.stderr.read()


def test_a_library_that_never_matched_the_driver_is_down_and_says_why(tmp_path: Path, gpus: Simulation) -> None:
    gpus.set(error=18)
    exporter = _start(tmp_path, LD_LIBRARY_PATH=str(gpus.library.parent), **{STATE_VARIABLE: str(gpus.path)})
    try:
        exporter.until(lambda text: 'call="nvmlInit",error="LibRmVersionMismatch"' in text and _is_down("\n" + text))
        assert exporter.end() == 0
    finally:
        exporter.process.kill()
        exporter.systemd.close()


def test_a_machine_without_the_library_is_down_and_says_why(tmp_path: Path) -> None:
    exporter = _start(tmp_path, LD_LIBRARY_PATH=str(tmp_path))
    try:
        text = exporter.until(lambda text: 'call="nvmlInit",error="LibraryNotFound"' in text)
        assert _is_down("\n" + text)
        assert not _has(text, "freehold_simulated")
        assert exporter.end() == 0
    finally:
        exporter.process.kill()
        exporter.systemd.close()


def test_a_taken_port_is_refused_with_the_code_of_a_refusal(exporter: Exporter) -> None:
    listen = exporter.url.removeprefix("http://")
    second = subprocess.run(command(listen, 1), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (second.returncode, "EXPORTER_ADDRESS" in second.stderr) == (3, True)


@pytest.mark.parametrize(
    ("listen", "expected"),
    [("127.0.0.1:9400", ("127.0.0.1", 9400)), ("[::1]:9400", ("::1", 9400)), ("localhost:0", ("localhost", 0))],
)
def test_an_address_is_understood(listen: str, expected: tuple[str, int]) -> None:
    assert address(listen) == expected


@pytest.mark.parametrize("listen", ["9400", ":9400", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536", ""])
def test_a_bad_address_is_a_usage_error(listen: str) -> None:
    with pytest.raises(UsageError):
        address(listen)


def test_a_supervisor_that_does_not_listen_neither_ends_nor_holds_up_the_exporter(
    tmp_path: Path, exporter: Exporter
) -> None:
    """systemd is started anew, or its queue is full: pings are lost, the page is served."""
    exporter.until(_is_up)
    exporter.systemd.close()
    (tmp_path / "notify").unlink()
    before = exporter.until(_is_up)
    exporter.until(lambda text: _samples(text) > _samples(before) + 5)  # several pings later
    assert exporter.end() == 0


def _samples(text: str) -> int:
    return int(next(line for line in text.splitlines() if line.startswith("freehold_gpu_samples_total ")).split()[1])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sampler_that_breaks_ends_the_service_for_systemd_to_start_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")  # it looks after its threads as often as it feeds the watchdog
    with pytest.raises(FreeholdError, match="EXPORTER_BROKEN"):
        serve(NoGpus(), "127.0.0.1:0", 1, stop=threading.Event())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ended_is_seen_however_patient_the_watchdog_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "600000000")
    monkeypatch.setattr(service, "LONGEST_NAP_SECONDS", 0.02)
    with pytest.raises(FreeholdError, match="EXPORTER_BROKEN"):
        serve(NoGpus(), "127.0.0.1:0", 1, stop=threading.Event())


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_a_bad_interval_is_a_usage_error(interval: float) -> None:
    with pytest.raises(UsageError):
        serve(NoGpus(), "127.0.0.1:0", interval)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(RefusedError):
        serve(NoGpus(), "203.0.113.1:9400", 1)


def test_the_command_becomes_the_small_process(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: became.append(arguments))
    monkeypatch.setattr(sys, "argv", ["freehold", "gpu-exporter", "--interval", "2"])
    app = build()
    with pytest.raises(SystemExit):
        app()
    assert became == [command("127.0.0.1:9400", 2.0)]
