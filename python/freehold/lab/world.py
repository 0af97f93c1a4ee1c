"""What every function of the lab works on, in one record, so that a test can hand it another world."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from freehold.lab import cgroup, launch, mounts, reach
from freehold.lab.cgroup import Hierarchies
from freehold.lab.launch import Launcher
from freehold.lab.plan import Plan, lab_plan
from freehold.lab.reach import Probe
from freehold.paths import LabPaths, cache_folder, lab_paths
from freehold.process import Runner, run

DEFAULT_ROOT = Path("/var/lib/freehold-lab")
MARKER = ".freehold-lab"
"""In a state folder that a lab made: `make down` deletes no other."""


@dataclass(frozen=True)
class Lab:
    """``probe`` looks whether a node answers; everything else that is run goes through ``runner``."""

    plan: Plan
    paths: LabPaths
    cache: Path
    runner: Runner
    hierarchies: Hierarchies
    launcher: Launcher
    probe: Probe = field(repr=False)


def open_lab() -> Lab:
    """The lab of this machine, raised or not. Raises :class:`RefusedError` where there can be none (no cgroup v2)."""
    paths, hierarchies = lab_paths(), cgroup.find_hierarchies(mounts.read())
    return Lab(
        plan=lab_plan(),
        paths=paths,
        cache=cache_folder(),
        runner=run,
        hierarchies=hierarchies,
        launcher=launch.make_launcher(run, hierarchies),
        probe=reach.make_probe(paths),
    )


def claim_folder(root: Path) -> None:
    """Make the state folder and mark it as the lab's. Everybody may pass through: the web server's user has to."""
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    (root / MARKER).touch()
