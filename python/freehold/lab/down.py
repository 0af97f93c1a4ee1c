"""Removing every trace of the lab, in whatever state it is: raised, half-raised, crashed, or another checkout's.

Processes go first (they hold the mounts), then mounts (nothing may be deleted through one), then the rest.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from freehold.errors import PartialError, RefusedError
from freehold.lab import cgroup, mounts, network, traces
from freehold.lab.keeper import KEEPER_SUFFIX
from freehold.lab.lock import lab_lock
from freehold.lab.traces import Trace
from freehold.lab.world import DEFAULT_ROOT, MARKER, Lab
from freehold.paths import PROJECT
from freehold.steps import Report

STACK_FILE = PROJECT / "stacks" / "fleet" / "Pulumi.lab.yaml"

END_LIMIT_SECONDS = 10.0
POLL_SECONDS = 0.02


def down(lab: Lab, report: Report) -> list[Trace]:
    """Take the lab down under its lock, with the stack file that `make up` wrote into this checkout."""
    with lab_lock(lab.paths.root) if lab.paths.root.is_dir() else contextlib.nullcontext():
        removed = take_down(lab, report)
    if STACK_FILE.is_file() and f"{lab.paths.bundle}\n" in STACK_FILE.read_text(encoding="utf-8"):
        STACK_FILE.unlink()
    return removed


def take_down(lab: Lab, report: Report) -> list[Trace]:
    """Remove everything and return what was removed; raises :class:`PartialError` when something stays."""
    _refuse_foreign_folder(lab.paths.root)
    found = traces.leftovers(lab)
    report(f"{len(found)} traces to remove")
    for remove in (_end_services, _end_processes, _unmount, _remove_network, _remove_folders):
        remove(lab)
    left = traces.leftovers(lab)
    if left:
        raise _stays(left, removed=len(found) - len(left))
    return found


def _end_services(lab: Lab) -> None:
    """Keepers first, or they would do their duty."""
    for unit in traces.units(lab):
        lab.launcher.kill(unit.name.removesuffix(".service"))
    names = {path.name for path in cgroup.find(lab.hierarchies, f"{lab.plan.groups}-")}
    for name in sorted(names, key=lambda one: not one.endswith(KEEPER_SUFFIX)):
        for group in _of_name(lab, name):
            cgroup.kill(group)
    for group in cgroup.find(lab.hierarchies, f"{lab.plan.groups}-"):
        cgroup.remove(group)


def _of_name(lab: Lab, name: str) -> list[Path]:
    return [path for path in cgroup.find(lab.hierarchies, name) if path.name == name]


def _end_processes(lab: Lab) -> None:
    pids = [int(trace.name) for trace in traces.processes(lab)]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _wait(lambda: not any(traces.processes(lab)))


def _unmount(lab: Lab) -> None:
    for mount in traces.mounted(lab):
        mounts.unmount(lab.runner, mount.name)


def _remove_network(lab: Lab) -> None:
    for namespace in traces.namespaces(lab):
        network.remove_namespace(lab.runner, namespace.name)
    for interface in traces.interfaces(lab):
        network.remove_link(lab.runner, interface.name)
    # A namespace's cables go a moment after it.
    _wait(lambda: not any(traces.interfaces(lab)))


def _remove_folders(lab: Lab) -> None:
    for folder in traces.nspawn_folders(lab.plan):
        shutil.rmtree(folder.name, ignore_errors=True)
    for socket in traces.sockets(lab.plan):
        Path(socket.name).unlink(missing_ok=True)
    if any(traces.mounted(lab)):
        return  # deleting through a mount would delete what is mounted; leftovers() tells
    shutil.rmtree(lab.paths.root, ignore_errors=True)


def _wait(condition: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
    """Give the kernel time; what is still there afterwards is told by leftovers()."""
    deadline = clock() + END_LIMIT_SECONDS
    while not condition() and clock() < deadline:
        time.sleep(POLL_SECONDS)


def _refuse_foreign_folder(root: Path) -> None:
    if root == DEFAULT_ROOT or not root.is_dir() or (root / MARKER).is_file() or not any(root.iterdir()):
        return
    raise RefusedError(
        "LAB_FOREIGN_FOLDER",
        str(root),
        f"no file {MARKER} in it",
        expected="a folder that a lab made",
        why="the whole folder would be deleted",
        fix="check FREEHOLD_LAB; a folder that is the lab's after all can be deleted by hand",
    )


def _stays(left: Iterable[Trace], removed: int) -> PartialError:
    return PartialError(
        "LAB_TRACES_LEFT",
        "make down",
        "still there: " + ", ".join(str(trace) for trace in left),
        expected="nothing",
        fix="run `make down` again; if they stay, end what uses them (`fuser -vm FOLDER`, `ip netns pids NAME`)",
        changed=f"{removed} traces were removed",
    )
