"""The `pulumi` above this process: found by its name, and outlived by nothing that works on a node."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def find(name: str, process: int, proc: Path = PROC) -> int | None:
    """The nearest ancestor of ``process`` that runs the program ``name``."""
    for one in _above(process, proc):
        try:
            if (proc / str(one) / "comm").read_text(encoding="utf-8").strip() == name:
                return one
        except OSError:
            return None
    return None


def _above(process: int, proc: Path) -> Iterator[int]:
    while process > 1:
        try:
            # The name in parentheses may hold anything, also a parenthesis.
            fields = (proc / str(process) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return
        process = int(fields[1])
        if process > 1:
            yield process


def end_with(name: str) -> None:
    """Send SIGTERM to this process when its ancestor ``name`` ends, however; without such an ancestor do nothing.

    `kill -9` of pulumi leaves its plugin and the plugin's commands running. A converge that went on would hold the
    node's lock, and change the node, after the user was told that everything had ended.
    """
    found = find(name, os.getpid())
    if found is None:
        return
    descriptor = os.pidfd_open(found)

    def wait() -> None:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
