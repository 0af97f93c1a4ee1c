"""Processes of the benchmark: started, watched through /proc, and ended by their ids."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from freehold.paths import PROJECT

START_SECONDS = 120.0
END_SECONDS = 15.0
TICKS = os.sysconf("SC_CLK_TCK")
MEGABYTE = 1e6


@contextmanager
def running(words: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a program that will listen on ``port``; yields its id, and ends it with all that it started."""
    variables = {**os.environ, "PYTHONPATH": f"{PROJECT / 'python'}:{PROJECT}", **(environment or {})}
    with log.open("wb") as out:
        process = subprocess.Popen(words, cwd=PROJECT, env=variables, stdout=out, stderr=out, start_new_session=True)
        try:
            _await_port(process, port, log)
            yield process.pid
        finally:
            _end(process)


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"{process.args!r} does not listen on {port}; its last words: {log.read_text()[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for with_signal in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, with_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
            return


def tree(pid: int) -> list[int]:
    """Return a process and everything below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += tree(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process tree, of children that have ended too."""
    ticks = 0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(") ")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def rss_megabytes(pid: int) -> float:
    """Memory of a process tree that is in use."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
