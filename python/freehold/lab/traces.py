"""What of the lab there is on this machine, found by names alone: nothing has to have been recorded anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from freehold.lab import cgroup, clients, mounts, network
from freehold.lab.lock import RUN_VARIABLE
from freehold.lab.plan import Plan
from freehold.lab.world import Lab

NSPAWN = Path("/run/systemd/nspawn")
WIREGUARD = Path("/run/wireguard")
PROC = Path("/proc")
SYSTEMD_RUNNING = Path("/run/systemd/system")


@dataclass(frozen=True)
class Trace:
    """One thing of the lab: ``kind`` is what it is, ``name`` what the system calls it, ``detail`` for people."""

    kind: str
    name: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.detail}".rstrip()


def leftovers(lab: Lab) -> list[Trace]:
    """Everything of the lab; nothing after `make down`. The cache is not the lab's: it makes the next one quick."""
    return [
        *units(lab),
        *processes(lab),
        *groups(lab),
        *mounted(lab),
        *namespaces(lab),
        *interfaces(lab),
        *nspawn_folders(lab.plan),
        *sockets(lab.plan),
        *state(lab),
    ]


def units(lab: Lab) -> Iterator[Trace]:
    """Transient units of systemd, on a machine that runs it."""
    if SYSTEMD_RUNNING.is_dir():
        words = ["systemctl", "list-units", "--all", "--plain", "--no-legend", f"{lab.plan.groups}-*"]
        for line in lab.runner(words, check=False).stdout.splitlines():
            yield Trace("unit", line.split()[0])


def processes(lab: Lab) -> Iterator[Trace]:
    """Members of the lab's groups, what a killed `make up` left running, and SSH clients of the nodes."""
    pids = {pid for group in cgroup.find(lab.hierarchies, f"{lab.plan.groups}-") for pid in cgroup.members(group)}
    pids |= clients.started_by(PROC, f"{RUN_VARIABLE}={lab.paths.root}")
    pids |= clients.ssh_clients(PROC, (lab.plan.management, lab.plan.client))
    for pid in sorted(pids - clients.ancestors(PROC, os.getpid())):
        yield Trace("process", str(pid), clients.name(PROC, pid))


def groups(lab: Lab) -> Iterator[Trace]:
    """Control groups in every tree."""
    for path in cgroup.find(lab.hierarchies, f"{lab.plan.groups}-"):
        yield Trace("cgroup", str(path))


def mounted(lab: Lab) -> Iterator[Trace]:
    """Mounts in the state folder, last made first."""
    for mount in mounts.below(mounts.read(), lab.paths.root):
        yield Trace("mount", mount.point)


def namespaces(lab: Lab) -> Iterator[Trace]:
    """Network namespaces."""
    for name in sorted(network.look(lab.runner).namespaces):
        if name.startswith(f"{lab.plan.prefix}-"):
            yield Trace("namespace", name)


def interfaces(lab: Lab) -> Iterator[Trace]:
    """Bridges and the near ends of cables."""
    for name in network.look(lab.runner).addresses:
        if name.startswith(f"{lab.plan.prefix}-"):
            yield Trace("interface", name)


def nspawn_folders(plan: Plan, folder: Path = NSPAWN) -> Iterator[Trace]:
    """What nspawn leaves in /run when it is killed."""
    for path in sorted(folder.glob(f"*/{plan.groups}-*")):
        yield Trace("folder", str(path))


def sockets(plan: Plan, folder: Path = WIREGUARD) -> Iterator[Trace]:
    """What a wireguard-go that was killed leaves in /run."""
    for path in sorted(folder.glob(f"{plan.prefix}-*.sock")):
        yield Trace("socket", str(path))


def state(lab: Lab) -> Iterator[Trace]:
    """The state folder; where it is a file system of its own, its content."""
    root = lab.paths.root
    if root.is_dir() and not (os.path.ismount(root) and not any(root.iterdir())):
        yield Trace("folder", str(lab.paths.root))
