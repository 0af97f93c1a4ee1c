"""The node that an arm works on: as new before each arm, with its processor time counted by the kernel."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.molecule.shared import bare_node

from freehold.lab import cgroup, launch, node, reach
from freehold.lab.keeper import KEEPER_SUFFIX
from freehold.lab.world import Lab
from freehold.process import run

NAME = "ben89"
END_STATE = Path(__file__).with_name("end_state.sh")
LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Cost:
    """Seconds: of the clock, of processor time here and on the node."""

    wall: float
    control: float
    node: float


@dataclass(frozen=True)
class BareNode:
    """A bootstrapped node that nothing has converged yet."""

    lab: Lab
    found: node.LabNode
    known_hosts: Path
    private_key: Path

    def shell(self, script: str) -> str:
        """Run a script as root; what it printed."""
        return run([*reach.ssh_command(self.lab.paths, self.found), "sh", "-s"], stdin=script, timeout=120).stdout

    def end_state(self) -> str:
        """Every file, account, package and unit, a line each."""
        return self.shell(END_STATE.read_text(encoding="utf-8"))

    def timed(self, words: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> Cost:
        """Run a program in a control group of its own, so that what it leaves behind is counted and ended too."""
        groups = cgroup.create(self.lab.hierarchies, self.lab.plan.group("bench"))
        try:
            before, started = self._node_seconds(), time.monotonic()
            command = launch.entering([str(group) for group in groups], list(words))
            run(command, cwd=folder, env=environment, log=log, timeout=LIMIT_SECONDS)
            wall = time.monotonic() - started
            return Cost(wall, cpu_seconds(groups[0]), self._node_seconds() - before)
        finally:
            cgroup.kill(groups[0])
            for group in groups:
                cgroup.remove(group)

    def _node_seconds(self) -> float:
        (group,) = (
            each
            for each in cgroup.find(self.lab.hierarchies, self.lab.plan.group(NAME))
            if self.lab.hierarchies.unified in each.parents and launch_suffix_free(each)
        )
        return cpu_seconds(group)


def launch_suffix_free(group: Path) -> bool:
    """Whether it is the node's own group, not its keeper's."""
    return not group.name.endswith(KEEPER_SUFFIX)


@contextmanager
def fresh(lab: Lab) -> Iterator[BareNode]:
    """Raise the node, hand it over once it has come to rest, and remove it."""
    bare_node.remove_node(lab, NAME)
    try:
        raised = bare_node.raise_node(lab, NAME)
        found = node.node(lab.launcher, lab.plan, lab.paths, NAME)
        assert found is not None
        ready = BareNode(lab, found, Path(raised["known_hosts"]), Path(raised["private_key"]))
        ready.shell("systemctl is-system-running --wait >/dev/null || true")
        yield ready
    finally:
        bare_node.remove_node(lab, NAME)


def cpu_seconds(group: Path) -> float:
    """Processor time that a v2 group has used, with what is below it."""
    lines = (group / "cpu.stat").read_text(encoding="ascii").splitlines()
    (micro,) = (line.split()[1] for line in lines if line.startswith("usage_usec "))
    return int(micro) / 1e6


def digest(state: str) -> str:
    """Twelve characters of it, for the table."""
    return hashlib.sha256(state.encode()).hexdigest()[:12]


def load() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]
