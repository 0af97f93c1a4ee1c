"""The lab's servers: made once, powered on and off, looked at. What runs on them is nobody's business here.

A node is an overlay over the bare Debian root, booted by systemd-nspawn with its own systemd as PID 1, in a network
namespace that stays when it reboots. It is no security boundary: root on a node is root without some capabilities.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from freehold.lab import seed
from freehold.lab.launch import Launcher, Service
from freehold.lab.network import NAMESPACES
from freehold.lab.plan import Plan, node_number
from freehold.paths import LabPaths
from freehold.process import Runner

GPUS = 8
GPU_MODEL = "NVIDIA H200"
TUN = Path("/dev/net/tun")


@dataclass(frozen=True)
class LabNode:
    """One server as its owner knows it from the rack: addresses, and the host key read at its console."""

    name: str
    address: str
    serve_address: str
    host_key: str
    powered: bool
    port: int = 22
    user: str = "root"
    gpus: int = GPUS
    gpu_model: str = GPU_MODEL


@dataclass(frozen=True)
class NodePaths:
    """Where one node lies on the control host."""

    folder: Path
    log: Path

    @property
    def root(self) -> Path:
        """The node's root file system, mounted from those below."""
        return self.folder / "root"

    @property
    def upper(self) -> Path:
        """What differs from the bare root: the node's disk."""
        return self.folder / "upper"

    @property
    def base(self) -> Path:
        """A link to the bare root under the overlay: a disk only fits the root that it was written over."""
        return self.folder / "base"

    @property
    def work(self) -> Path:
        """The overlay's own."""
        return self.folder / "work"


def node_paths(paths: LabPaths, name: str) -> NodePaths:
    """Where the node ``name`` lies."""
    return NodePaths(paths.nodes / name, paths.logs / f"{name}-console.log")


def mount_root(runner: Runner, place: NodePaths, base: Path, source: str) -> None:
    """Mount the overlay unless it is mounted; a node that was made over another base stays with that one."""
    if os.path.ismount(place.root):
        return
    for folder in (place.root, place.upper, place.work):
        folder.mkdir(parents=True, exist_ok=True)
    place.upper.chmod(0o755)
    if not place.base.is_symlink():
        place.base.symlink_to(base)
    options = f"lowerdir={place.base.resolve()},upperdir={place.upper},workdir={place.work}"
    runner(["mount", "-t", "overlay", "-o", options, source, place.root])


def install(runner: Runner, plan: Plan, place: NodePaths, name: str, operator_key: str) -> None:
    """Write what an installer leaves; the host key comes last and marks the installation as finished."""
    if seed.host_key(place.root) is None:
        seed.write_seed(place.root, seed.seed_files(plan, name, operator_key, seed.new_machine_id()))
        seed.ensure_key(runner, place.root / seed.HOST_KEY, f"root@{name}")


def boot_command(plan: Plan, name: str, root: Path, *, tun: bool) -> tuple[str, ...]:
    """The command that runs the node until it is powered off.

    nspawn is started inside the node's network namespace, not told of it: only then does it mount a /sys that shows
    the node's own interfaces. The variables are systemd's (its docs/ENVIRONMENT.md): pure cgroup v2 in the node on any
    host; a writable /proc/sys/net, as the network is the node's own; no lock files, as the group is the lock.
    """
    variables = (
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network",
        "SYSTEMD_NSPAWN_LOCK=0",
    )
    keep_apart = ("--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off", "--link-journal=no")
    return (
        "env",
        *variables,
        "nsenter",
        f"--net={NAMESPACES / plan.namespace(name)}",
        "systemd-nspawn",
        "--quiet",
        "--boot",
        f"--directory={root}",
        f"--machine={plan.group(name)}",
        *keep_apart,
        "--console=read-only",
        "--capability=CAP_NET_ADMIN",
        *((f"--bind={TUN}",) if tun else ()),
    )


def power_on(launcher: Launcher, plan: Plan, paths: LabPaths, name: str) -> None:
    """Boot the node; a node that runs is cut off first."""
    place = node_paths(paths, name)
    command = boot_command(plan, name, place.root, tun=TUN.exists())
    launcher.start(Service(plan.group(name), command, place.log, reboots=True))


def power_off(launcher: Launcher, plan: Plan, name: str) -> None:
    """Cut the power: no shutdown, nothing is flushed that was not."""
    launcher.kill(plan.group(name))


def powered(launcher: Launcher, plan: Plan, name: str) -> bool:
    """Whether the node is on (it may still be booting)."""
    return launcher.running(plan.group(name))


def nodes(launcher: Launcher, plan: Plan, paths: LabPaths) -> list[LabNode]:
    """The installed nodes, by number; a node whose installation was cut off is none."""
    names = [place.name for place in paths.nodes.iterdir()] if paths.nodes.is_dir() else []
    found = [node(launcher, plan, paths, name) for name in sorted(names, key=node_number)]
    return [each for each in found if each is not None]


def node(launcher: Launcher, plan: Plan, paths: LabPaths, name: str) -> LabNode | None:
    """One installed node. Its host key is read from its disk, so it is known while the node is off, too."""
    place = node_paths(paths, name)
    key = seed.host_key(place.root) or seed.host_key(place.upper)
    if key is None:
        return None
    return LabNode(
        name=name,
        address=str(plan.node_address(name)),
        serve_address=str(plan.serve_address(name)),
        host_key=key,
        powered=powered(launcher, plan, name),
    )
