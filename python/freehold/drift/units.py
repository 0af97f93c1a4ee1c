"""systemd units as they lie on the disk and as they run.

Links and drop-ins are read from the folders themselves: what ``systemctl`` shows is what systemd has loaded, and a file
that was laid down since is not in it (systemd.unit(5) has the folders and the names of drop-ins).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from freehold.drift.reading import Machine, digest

ETC = "/etc/systemd/system"
# What lies here was laid down on this machine; a drop-in that no task of the converge wrote is foreign.
LOCAL = (ETC, "/etc/systemd/system.control", "/run/systemd/system", "/run/systemd/system.control")
# What lies here came with a package.
VENDOR = ("/usr/lib/systemd/system", "/lib/systemd/system")
NOTHING = "/dev/null"


def names(unit: str) -> list[str]:
    """The unit itself, its template, and the dashed prefixes: each may have a folder of drop-ins."""
    stem, dot, suffix = unit.rpartition(".")
    prefix, at, instance = stem.partition("@")
    found = [unit] + ([f"{prefix}@{dot}{suffix}"] if at and instance else [])
    words = prefix.split("-")
    return found + [f"{'-'.join(words[:count])}-{dot}{suffix}" for count in range(len(words) - 1, 0, -1)]


def parts(machine: Machine, unit: str, folders: Iterable[str]) -> Iterator[str]:
    """Paths of the unit's file, its template's file and its drop-ins below ``folders``; links that mask it are none."""
    for folder in folders:
        for name in names(unit):
            path = machine.path(f"{folder}/{name}")
            if path.is_file() and not path.is_symlink():
                yield f"{folder}/{name}"
            drop_ins = machine.path(f"{folder}/{name}.d")
            found = sorted(drop_ins.glob("*.conf")) if drop_ins.is_dir() else []
            yield from (f"{folder}/{name}.d/{file.name}" for file in found)


def foreign(machine: Machine, unit: str, declared: Collection[str]) -> list[str]:
    """What was laid down for the unit on this machine, and not by the converge."""
    return [name for name in parts(machine, unit, LOCAL) if name not in declared]


def masks(machine: Machine, unit: str) -> list[str]:
    """Links to nowhere in the place of the unit's file."""
    paths = [f"{folder}/{unit}" for folder in LOCAL]
    return [name for name in paths if machine.path(name).is_symlink() and _target(machine, name) == NOTHING]


def _target(machine: Machine, name: str) -> str:
    return str(machine.path(name).readlink())


def vendor(machine: Machine, unit: str) -> dict[str, str]:
    """Digests of what a package brought for the unit."""
    folders = VENDOR[:1] if machine.path("/lib").is_symlink() else VENDOR
    return {name: f"sha256:{digest(machine.path(name))}" for name in parts(machine, unit, folders)}


def read(machine: Machine, wanted: Iterable[str], declared: Collection[str]) -> dict[str, Any]:
    """State of each unit: ``active`` in systemd's word, ``enabled``, ``masked``, vendor's parts, foreign parts."""
    units = list(wanted)
    active, enabled = _active(machine, units), _enabled(machine)
    return {
        unit: {
            "active": state,
            "enabled": unit in enabled,
            "masked": bool(masks(machine, unit)),
            "parts": vendor(machine, unit),
            "foreign": foreign(machine, unit, declared),
        }
        for unit, state in zip(units, active, strict=True)
    }


def _active(machine: Machine, units: list[str]) -> list[str]:
    """One call for all: an answer a unit, in the order of the question."""
    if not units:
        return []
    shown = machine.run(["systemctl", "show", "--property=ActiveState", "--", *units])
    return [line.partition("=")[2] for line in shown.splitlines() if line]


def _enabled(machine: Machine) -> set[str]:
    """Units that something wants at boot: links in the folders ``*.wants`` and ``*.requires``."""
    found = (entry for kind in ("wants", "requires") for entry in machine.path(ETC).glob(f"*.{kind}/*"))
    return {PurePosixPath(entry).name for entry in found}
