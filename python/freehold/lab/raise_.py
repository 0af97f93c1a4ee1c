"""Raising the lab: each function makes what is missing, is quick when nothing is, and goes on after a failure."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from freehold.lab import mounts, network, node, nvml, outside, reach, rootfs, seed, web
from freehold.lab.node import LabNode
from freehold.lab.plan import node_number
from freehold.lab.world import Lab, claim_folder, open_lab
from freehold.steps import UP_TO_DATE, Report

__all__ = ["Lab", "base_root", "nodes", "open_lab", "raise_network", "raise_nodes", "raise_web", "remove_node"]


def raise_network(lab: Lab, report: Report) -> str:
    """The state folder, the two bridges, and the outside with its internet."""
    claim_folder(lab.paths.root)
    report(f"bridges {lab.plan.management_bridge} and {lab.plan.client_bridge}, namespace {lab.plan.outside}")
    links = network.look(lab.runner)
    network.raise_bridges(lab.runner, lab.plan, links)
    network.raise_outside(lab.runner, lab.plan, links)
    outside.raise_internet(lab, report)
    return f"{lab.plan.management} and {lab.plan.client}"


def raise_web(lab: Lab, report: Report) -> str:
    """The web server of the bundle; needs the network."""
    return web.raise_web(lab, report)


def raise_nodes(lab: Lab, names: Sequence[str], report: Report) -> str:
    """Install and boot the nodes, all at once, and wait until each answers to its pinned host key."""
    for name in names:
        node_number(name)
    lab.paths.nodes.mkdir(mode=0o700, exist_ok=True)  # set-user-ID programs lie in there
    base = base_root(lab, report)
    library = nvml.build(lab.paths.root / "nvml", lab.runner)
    operator_key = seed.ensure_key(lab.runner, reach.key_path(lab.paths), "operator")
    installed = [_install(lab, name, base, library, operator_key) for name in names]
    _pin(lab)
    with ThreadPoolExecutor(max_workers=len(names) or 1) as pool:
        booted = list(pool.map(lambda one: _power(lab, one, report), installed))
    fresh = [one.name for one, was_booted in zip(installed, booted, strict=True) if was_booted]
    return f"booted {', '.join(fresh)}" if fresh else UP_TO_DATE


def base_root(lab: Lab, report: Report) -> Path:
    """The bare root file system that lies under every node: what a node has before anything is installed."""
    ready = lab.paths.root / "base" / rootfs.archive_path(lab.cache).stem
    if ready.is_dir():
        return ready
    archive = rootfs.build_archive(lab.runner, lab.cache, report)
    return rootfs.unpack(lab.runner, archive, ready.parent, report)


def nodes(lab: Lab) -> list[LabNode]:
    """The installed nodes, powered or not, by number."""
    return node.nodes(lab.launcher, lab.plan, lab.paths)


def remove_node(lab: Lab, name: str) -> None:
    """Cut the power and remove disk, cables and the pinned host key; a node that is not there is fine."""
    place = node.node_paths(lab.paths, name)
    if not place.folder.is_dir():
        return
    node.power_off(lab.launcher, lab.plan, name)
    for mount in mounts.below(mounts.read(), place.folder):
        mounts.unmount(lab.runner, mount.point)
    network.remove_namespace(lab.runner, lab.plan.namespace(name))
    shutil.rmtree(place.folder)
    place.log.unlink(missing_ok=True)
    _pin(lab)


def _install(lab: Lab, name: str, base: Path, library: Path, operator_key: str) -> LabNode:
    place = node.node_paths(lab.paths, name)
    network.raise_node(lab.runner, lab.plan, network.look(lab.runner), name)
    node.mount_root(lab.runner, place, base, lab.plan.group(name))
    seed.install_hardware(place.root, library, nvml.initial_state(node.GPUS, name))
    node.install(lab.runner, lab.plan, place, name, operator_key)
    found = node.node(lab.launcher, lab.plan, lab.paths, name)
    assert found is not None  # noqa: S101  install() just wrote its host key
    return found


def _pin(lab: Lab) -> None:
    path = reach.known_hosts_path(lab.paths)
    text = reach.known_hosts(nodes(lab))
    if not path.is_file() or path.read_text(encoding="ascii") != text:
        path.write_text(text, encoding="ascii")


def _power(lab: Lab, one: LabNode, report: Report) -> bool:
    """Boot the node unless it answers already; True if it was booted. One that hangs is power-cycled."""
    if one.powered and lab.probe(one) is None:
        return False
    report(f"booting {one.name}")
    node.power_on(lab.launcher, lab.plan, lab.paths, one.name)
    reach.wait_for(one, lab.probe)
    return True
