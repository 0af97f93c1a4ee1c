"""Keeps one node powered: starts nspawn, and starts it again when the node rebooted itself.

Run as ``python -m freehold.lab.keeper '{"command": [...], "group": "/sys/fs/cgroup/…"}'``, one process a node. On a
machine with systemd the transient unit does this duty (``RestartForceExitStatus``).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from freehold.lab import cgroup

REBOOT_STATUS = 133
"""systemd-nspawn's exit status when the container asked for a reboot (systemd-nspawn(1), "Exit status")."""

KEEPER_SUFFIX = ".keeper"


def starts_again(status: int) -> bool:
    """A reboot from inside starts the node again; a shutdown (0) or a killed nspawn (negative) leaves it off.

    A node whose nspawn died stays off until `make up`, as a server does after its power supply failed.
    """
    return status == REBOOT_STATUS


def keep(run_once: Callable[[], int], end_rest: Callable[[], None]) -> int:
    """Run until the node stays off. After each end what is left is ended too: a node outlives a killed nspawn."""
    while True:
        status = run_once()
        end_rest()
        print(f"freehold lab: nspawn ended with {status}", flush=True)
        if not starts_again(status):
            return status


def main(task: str) -> int:
    """Entry point; the exit status is nspawn's last."""
    words = json.loads(task)
    group = Path(words["group"])
    return keep(lambda: subprocess.run(words["command"], check=False).returncode, lambda: cgroup.kill(group))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
