"""Starting what must outlive the command: a node, the bundle's web server, the outside's listener.

Each gets a control group of its own, by which it is counted and ended. Who makes that group depends on the machine:

- :class:`DirectLauncher` writes to the cgroup file system itself, for machines without systemd as PID 1;
- :class:`SystemdLauncher` asks systemd for a transient unit, because on such a machine the tree belongs to systemd.

The first was tried on a hybrid cgroup machine without systemd; the second inside a booted Debian 12 with cgroup v2
alone (a systemd-nspawn container), not on metal.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from freehold.lab import cgroup
from freehold.lab.cgroup import Hierarchies
from freehold.lab.keeper import KEEPER_SUFFIX, REBOOT_STATUS
from freehold.process import Runner

SYSTEMD_RUNNING = Path("/run/systemd/system")
# The shell enters the groups itself and then becomes the program, so that no process is ever outside of them.
ENTER = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'


@dataclass(frozen=True)
class Service:
    """``name`` is the group's or unit's name; ``reboots``: an end with nspawn's reboot status means start again."""

    name: str
    command: tuple[str, ...]
    log: Path
    reboots: bool = False


class Launcher(Protocol):
    """Starts, looks for and ends services; ending what does not run is fine."""

    def start(self, service: Service) -> None:
        """Start it, detached from this process; what was left of an earlier one is ended first."""

    def running(self, name: str) -> bool:
        """Whether it runs, and would be started again after a reboot from inside."""

    def kill(self, name: str) -> None:
        """End it at once with every process it started: a power cut, not a shutdown."""


@dataclass(frozen=True)
class DirectLauncher:
    """On a machine where the cgroup tree is nobody's. A keeper process stands in for systemd's restart."""

    runner: Runner
    hierarchies: Hierarchies

    def start(self, service: Service) -> None:
        """Enter the groups and become the program (or its keeper), in a session of its own."""
        self.kill(service.name)
        groups = [str(path) for path in cgroup.create(self.hierarchies, service.name)]
        command = entering(groups, list(service.command))
        if service.reboots:
            keepers = [str(path) for path in cgroup.create(self.hierarchies, service.name + KEEPER_SUFFIX)]
            task = json.dumps({"command": command, "group": groups[0]})
            command = entering(keepers, [sys.executable, "-m", "freehold.lab.keeper", task])
        self.runner(["setsid", "--fork", *command], cwd=Path("/"), log=service.log)

    def running(self, name: str) -> bool:
        """Both the service and, where it has one, its keeper must live."""
        keeper = self.hierarchies.unified / (name + KEEPER_SUFFIX)
        kept = cgroup.populated(keeper) if keeper.is_dir() else True
        return kept and cgroup.populated(self.hierarchies.unified / name)

    def kill(self, name: str) -> None:
        """The keeper first, or it would do its duty."""
        for each in (name + KEEPER_SUFFIX, name):
            cgroup.kill(self.hierarchies.unified / each)
            for tree in self.hierarchies.trees:
                cgroup.remove(tree / each)


@dataclass(frozen=True)
class SystemdLauncher:
    """On a machine that runs systemd: a transient unit, the same properties as systemd-nspawn@.service."""

    runner: Runner

    def start(self, service: Service) -> None:
        """``Delegate``: a node's own systemd manages the tree below. ``mixed``: no node outlives its nspawn."""
        self.kill(service.name)
        properties = {
            "Type": "exec",
            "Delegate": "yes",
            "KillMode": "mixed",
            "StandardOutput": f"append:{service.log}",
            "StandardError": f"append:{service.log}",
            "StartLimitIntervalSec": "0",
        }
        if service.reboots:
            status = str(REBOOT_STATUS)
            properties |= {"RestartForceExitStatus": status, "SuccessExitStatus": status}
        service.log.parent.mkdir(parents=True, exist_ok=True)
        options = [f"--property={key}={value}" for key, value in properties.items()]
        self.runner(["systemd-run", "--quiet", "--collect", f"--unit={service.name}", *options, *service.command])

    def running(self, name: str) -> bool:
        """A unit between two starts (after a reboot from inside) counts as running."""
        state = self.runner(["systemctl", "is-active", f"{name}.service"], check=False).stdout.strip()
        return state in {"active", "activating", "reloading"}

    def kill(self, name: str) -> None:
        """Kill first: an orderly stop would wait for the node's own shutdown."""
        unit = f"{name}.service"
        self.runner(["systemctl", "kill", "--kill-whom=all", "--signal=SIGKILL", unit], check=False)
        self.runner(["systemctl", "stop", unit], check=False)
        self.runner(["systemctl", "reset-failed", unit], check=False)


def entering(groups: list[str], command: list[str]) -> list[str]:
    """``command``, run as a member of the groups."""
    return ["sh", "-c", ENTER, "freehold-lab", *groups, "--", *command]


def make_launcher(runner: Runner, hierarchies: Hierarchies, *, systemd: Path = SYSTEMD_RUNNING) -> Launcher:
    """The launcher for this machine; the folder tested is the one that sd_booted(3) tests."""
    return SystemdLauncher(runner) if systemd.is_dir() else DirectLauncher(runner, hierarchies)
