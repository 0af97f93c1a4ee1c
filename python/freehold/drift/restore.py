"""Puts back what no task of a role would: foreign drop-ins, masks, live kernel settings, versions of packages.

Everything else is the roles' own: they run right after this and find a file, a unit or a user that is not as declared.
What was laid down by hand is moved aside, never deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from freehold.drift import reading, units
from freehold.drift.reading import Machine

ASIDE = "/var/backups/freehold/drift"
APT = (
    "apt-get", "-q", "-y", "--no-install-recommends", "--allow-downgrades", "--allow-change-held-packages",
    "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=120",
)  # fmt: skip


def restore(machine: Machine, baseline: Mapping[str, Any]) -> list[str]:
    """Put it back and say what was done, one line a thing; nothing to do is an empty list."""
    return [*_units(machine, baseline), *_sysctl(machine, baseline["sysctl"]), *_packages(machine, baseline)]


def _units(machine: Machine, baseline: Mapping[str, Any]) -> list[str]:
    done, touched = [], []
    for unit, told in baseline["units"].items():
        moved = [_set_aside(machine, name) for name in units.foreign(machine, unit, baseline["files"])]
        lifted = [] if told.get("masked") else [_unmask(machine, name) for name in units.masks(machine, unit)]
        done += [*moved, *lifted]
        touched += [unit] if moved or lifted else []
    if touched:
        machine.run(["systemctl", "daemon-reload"])
        # A service that does not come up is the business of its role, which knows how to say why.
        machine.run(["systemctl", "--no-block", "try-restart", *touched])
    return done


def _set_aside(machine: Machine, name: str) -> str:
    target = _free(machine.path(f"{ASIDE}{name}"))
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = machine.path(name)
    shutil.move(path, target)
    if path.parent.suffix == ".d" and not any(path.parent.iterdir()):
        path.parent.rmdir()
    return f"{name} moved to {ASIDE}"


def _free(path: Path) -> Path:
    """``path``, or the first of ``path.1``, ``path.2`` … that is not taken: an earlier finding stays."""
    number, free = 0, path
    while free.exists() or free.is_symlink():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def _unmask(machine: Machine, name: str) -> str:
    machine.path(name).unlink()
    return f"{name} unmasked"


def _sysctl(machine: Machine, wanted: Mapping[str, str]) -> Iterator[str]:
    found = reading.sysctl(machine, wanted)
    for key, value in wanted.items():
        if found[key] not in {value, ""}:
            reading.sysctl_path(machine, key).write_text(f"{value}\n", encoding="ascii")
            yield f"{key} set from {found[key]} to {value}"


def _packages(machine: Machine, baseline: Mapping[str, Any]) -> Iterator[str]:
    wanted = {name: version for name, version in baseline["packages"].items() if version}
    found = reading.packages(machine, wanted)
    for name, told in wanted.items():
        if found[name] != told:
            version = told.removesuffix(" held")
            if found[name].removesuffix(" held") != version:
                _install(machine, name, version)
            hold = "hold" if told.endswith(" held") else "unhold"
            machine.run(["apt-mark", hold, name])
            yield f"package {name}: {found[name] or 'absent'} back to {told}"


def _install(machine: Machine, name: str, version: str) -> None:
    """From the bundle, apt's only source. Where a newer bundle has another version, that is the owner's will."""
    exact, any_of_bundle = f"{name}={version}", name
    steps = [[*APT, "install", exact], [*APT, "update"], [*APT, "install", exact], [*APT, "install", any_of_bundle]]
    for number, words in enumerate(steps):
        try:
            machine.run(["env", "DEBIAN_FRONTEND=noninteractive", *words])
        except OSError:
            if number == len(steps) - 1:
                raise
        else:
            if "install" in words:
                return
