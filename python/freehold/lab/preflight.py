"""Can a lab be raised here? Everything that is in the way, told at once, before anything is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from freehold.errors import FreeholdError, RefusedError, raise_all
from freehold.lab import cgroup, machine, mounts
from freehold.lab.machine import Machine
from freehold.lab.plan import BUNDLE_PORT, Plan, lab_plan
from freehold.paths import LabPaths, cache_folder, lab_paths
from freehold.process import Runner, run

SYSTEM = "debian 12"
ARCHITECTURE = "x86_64"
# A machine sold with 8 GB shows less: firmware and kernel keep some.
NEEDED_MEMORY_BYTES = 7 * 2**30
# The first `make up`: toolchain and Pulumi build 8 GB, with peaks; bundle, nodes and their weights 7 GB.
NEEDED_CACHE_BYTES = 8_000_000_000
NEEDED_STATE_BYTES = 7_000_000_000
# A rerun has most of it on the disk already.
NEEDED_AGAIN_BYTES = 1_000_000_000
# The kernel refuses these as an overlay's upper layer.
NO_UPPER_LAYER = ("overlay", "nfs", "nfs4", "vfat", "9p", "fuse", "fuseblk", "virtiofs", "ecryptfs")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  looked for, not listened on
PROGRAMS = ("ip", "mmdebstrap", "nsenter", "setsid", "ssh", "ssh-keygen", "systemd-nspawn", "unshare", "wg")


def check_machine(runner: Runner = run) -> None:
    """The first step of `make up`: needs nothing but Python. Raises every :class:`RefusedError` together."""
    plan, paths, cache = lab_plan(), lab_paths(), cache_folder()
    found = machine.read(runner, PROGRAMS)
    errors = [*judge_machine(found), *judge_network(found, plan), *judge_disk(paths, cache)]
    raise_all([*errors, *judge_state(found, paths)])


def check_programs(runner: Runner = run) -> None:
    """Just before the lab is raised: whether the packages of requirements/os-packages.txt are there."""
    raise_all(list(judge_programs(machine.read(runner, PROGRAMS))))


def judge_machine(found: Machine) -> Iterator[FreeholdError]:
    """The system, the rights and what the kernel can do."""
    if found.system != SYSTEM or found.architecture != ARCHITECTURE:
        yield _no(
            "LAB_WRONG_SYSTEM",
            "/etc/os-release",
            f"{found.system} on {found.architecture}",
            f"{SYSTEM} on {ARCHITECTURE}",
            fix="raise the lab on a Debian 12 machine or virtual machine",
            why="the nodes are made from this machine's own Debian archive",
        )
    if not found.root:
        yield not_root()
    if found.memory_bytes < NEEDED_MEMORY_BYTES:
        yield _no(
            "LAB_MEMORY",
            "MemTotal",
            f"{found.memory_bytes / 2**30:.1f} GiB",
            f"at least {NEEDED_MEMORY_BYTES / 2**30:.0f} GiB (a machine of 8 GB)",
            fix="give the machine more memory",
        )
    yield from _judge_kernel(found)


def _judge_kernel(found: Machine) -> Iterator[FreeholdError]:
    if found.overlay_trouble:
        yield _no(
            "LAB_NO_OVERLAY",
            "kernel",
            found.overlay_trouble,
            "overlayfs can be mounted",
            fix="`modprobe overlay`; in a container run it privileged",
            why="a node's disk is an overlay over the bare system",
        )
    if found.links_trouble:
        yield _no(
            "LAB_NO_LINKS",
            "kernel",
            found.links_trouble,
            "bridges, veth pairs and network namespaces can be made",
            fix="`modprobe -a bridge veth`; in a container run it privileged",
        )
    try:
        unified = cgroup.find_hierarchies(found.mounts).unified
    except RefusedError as error:
        yield error
        return
    if found.root and not os.access(unified, os.W_OK):
        yield _no(
            "LAB_CGROUP_READ_ONLY",
            str(unified),
            "the control group tree is read-only",
            "a writable one",
            fix="in a container run it privileged, with a cgroup namespace of its own",
            why="every node is a control group, so that it can be ended as a whole",
        )


def judge_network(found: Machine, plan: Plan) -> Iterator[FreeholdError]:
    """Addresses and the port that somebody else may have."""
    for route in found.routes:
        ours = route.interface.startswith(f"{plan.prefix}-")
        clash = [net for net in (plan.management, plan.client, plan.mesh) if net.overlaps(route.network)]
        if clash and not ours:
            yield _no(
                "LAB_NETWORK_IN_USE",
                route.interface,
                f"a route to {route.network}",
                f"nobody else on {plan.management}, {plan.client} and {plan.mesh}",
                fix=f"take {route.interface} down while the lab is up (`ip link set {route.interface} down`)",
                why="packets for the lab would go to that network",
            )
    for address, port in found.listeners:
        if port == BUNDLE_PORT and address in (*EVERYWHERE, str(plan.control_address)) and not _raised(found, plan):
            yield _no(
                "LAB_PORT_IN_USE",
                f"{address}:{port}",
                "another program listens there",
                f"a free port {BUNDLE_PORT} on {plan.control_address}",
                fix=f"find it with `ss -ltnp 'sport = :{BUNDLE_PORT}'` and stop it",
                why="the bundle is served to the nodes from this port",
            )
    yield from _judge_forwarding(found, plan)


def _judge_forwarding(found: Machine, plan: Plan) -> Iterator[FreeholdError]:
    """Docker has the firewall look at bridged frames too, and drops what it does not know."""
    bridge = plan.client_bridge
    passing = f"-A FORWARD -i {bridge} -o {bridge} -j ACCEPT"
    if "-P FORWARD DROP" in found.bridged_rules and passing not in found.bridged_rules:
        yield _no(
            "LAB_FIREWALL",
            "iptables FORWARD",
            "bridged frames go through a chain whose policy is DROP (Docker sets that)",
            f"frames pass between the ports of {bridge}",
            fix=f"iptables -I {passing.removeprefix('-A ')}",
            why="the client could not reach the nodes",
        )


def judge_disk(paths: LabPaths, cache: Path) -> Iterator[FreeholdError]:
    """Free space, counted together where both folders are on one file system."""
    needs: dict[int, tuple[int, int, str]] = {}
    for folder, first in ((cache, NEEDED_CACHE_BYTES), (paths.root, NEEDED_STATE_BYTES)):
        device, free = machine.free_bytes(folder)
        need = NEEDED_AGAIN_BYTES if folder.is_dir() and any(folder.iterdir()) else first
        _, before, names = needs.get(device, (free, 0, ""))
        needs[device] = (free, before + need, f"{names} {folder}".strip())
    for free, need, names in needs.values():
        if free < need:
            yield _no(
                "LAB_DISK",
                names,
                f"{free / 1e9:.1f} GB free",
                f"at least {need / 1e9:.0f} GB",
                fix="free some space, or set FREEHOLD_LAB and FREEHOLD_CACHE to folders on a larger disk",
            )


def judge_state(found: Machine, paths: LabPaths) -> Iterator[FreeholdError]:
    """Whether the state folder can hold nodes, and whether the web server's user gets to the bundle."""
    mount = mounts.holding(list(found.mounts), paths.root)
    if mount is not None and mount.kind in NO_UPPER_LAYER:
        yield _no(
            "LAB_STATE_FILE_SYSTEM",
            str(paths.root),
            f"a file system of type {mount.kind}",
            "one that can hold an overlay's upper layer, such as ext4 or xfs",
            fix="set FREEHOLD_LAB to a folder on a local disk",
        )
    closed = [folder for folder in paths.root.parents if folder.is_dir() and not folder.stat().st_mode & 0o001]
    for folder in closed:
        yield _no(
            "LAB_STATE_HIDDEN",
            str(folder),
            "other users cannot pass through this folder",
            f"a way to {paths.root} for the web server's user www-data",
            fix="set FREEHOLD_LAB to a folder that is not below a private one, such as /var/lib/freehold-lab",
        )


def judge_programs(found: Machine) -> Iterator[FreeholdError]:
    """What the packages bring."""
    for name in sorted(set(PROGRAMS) - found.programs):
        yield _no(
            "PROGRAM_MISSING",
            name,
            "it is not installed",
            f"`{name}` on PATH",
            fix="run `make up`, which installs the packages of requirements/os-packages.txt",
        )


def not_root() -> RefusedError:
    """The refusal that every command of the lab shares."""
    return _no(
        "LAB_NOT_ROOT",
        f"user {os.geteuid()}",
        "not root",
        "root",
        fix="run it with sudo, such as `sudo make up`",
        why="nodes, bridges and mounts are the kernel's, and only root may make them",
    )


def _raised(found: Machine, plan: Plan) -> bool:
    return any(route.interface == plan.management_bridge for route in found.routes)


def _no(code: str, subject: str, found: str, expected: str, *, fix: str, why: str = "") -> RefusedError:
    return RefusedError(code, subject, found, expected=expected, why=why, fix=fix)
