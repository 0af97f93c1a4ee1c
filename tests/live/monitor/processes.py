"""The monitor's real programs, with the arguments of their units, on folders and ports of a test's own."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.programs import program
from tests.unit.roles.role import Role

LIMIT_SECONDS = 20.0


def words(role: Role, template: str, changed: Mapping[str, str]) -> list[str]:
    """The command of a unit; ``changed`` gives what of it would not do here, and is refused where it is not there."""
    (line,) = re.findall(r"^ExecStart=/usr/bin/(.*)$", role.render(template), re.MULTILINE)
    for before, after in changed.items():
        assert before in line, before
        line = line.replace(before, after)
    name, *rest = line.split()
    return [program(name), *rest]


@contextlib.contextmanager
def running(argv: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process, ended at last."""
    with log.open("wb") as stream:
        process = subprocess.Popen(argv, stdout=stream, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


def until(condition: Callable[[], bool], what: str, seconds: float = LIMIT_SECONDS) -> None:
    """Wait for ``condition``."""
    end, tick = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        tick.wait(0.05)


def get(url: str) -> str:
    """What a page holds; empty where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  loopback
            return str(answer.read().decode())
    except OSError:
        return ""
