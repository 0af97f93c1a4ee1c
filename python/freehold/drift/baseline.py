"""What a node compares itself with: what the converge declared, and how the node looked right after it.

Where a task's result says what it wrote, that counts and not the snapshot, so that an edit in between is not taken for
the owner's will. A task that a run skips (an environment is built once) declares nothing in that run; what an earlier
run declared is carried over. A whole converge takes it as it lies now, for nothing would put it back; a run of a part
(`playbooks/peers.yml`) leaves it as it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

from freehold.drift import BASELINE, firewall, reading, units
from freehold.drift.reading import Machine

SCHEMA = 1
EMPTY: dict[str, Any] = {
    "schema": SCHEMA, "generation": 0,
    "files": {}, "units": {}, "packages": {}, "sysctl": {}, "firewall": {}, "accounts": {},
}  # fmt: skip
RULES_SUFFIX = ".nft"
FLAGS = ("active", "enabled", "masked")
UNIT_SUFFIXES = (".service", ".timer", ".socket", ".path")

Baseline = dict[str, Any]


class DamagedError(Exception):
    """There is a baseline, and it cannot be read."""


def load(machine: Machine) -> Baseline | None:
    """The baseline of this node; ``None`` where there is none; raises :class:`DamagedError`."""
    try:
        found: Baseline = json.loads(machine.path(BASELINE).read_text(encoding="utf-8"))
        if found["schema"] != SCHEMA or set(EMPTY) - set(found):
            raise DamagedError(f"schema {found['schema']}")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{type(error).__name__}: {error}") from error
    return found


def save(machine: Machine, baseline: Baseline) -> None:
    """Keep it, in one move; root's alone, for it says what root's files are like."""
    path = machine.path(BASELINE)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        json.dump(baseline, stream, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def make(
    machine: Machine, declared: Mapping[str, Any], old: Baseline | None, *, generation: int | None, whole: bool
) -> Baseline:
    """The baseline after a run that declared ``declared``; without a ``generation`` the old one stays."""
    before = old or EMPTY
    files = _files(machine, declared, before["files"], whole=whole)
    names = _units(machine, _started(declared), before["units"], declared["retired"], whole=whole)
    settings = [name for name in files if name.startswith(reading.SYSCTL_FOLDER)]
    ran_firewall = any(name.endswith(RULES_SUFFIX) for name in declared["files"])
    return {
        "schema": SCHEMA,
        "generation": before["generation"] if generation is None else generation,
        "files": files,
        "units": {name: {**told, "parts": units.vendor(machine, name)} for name, told in names.items()},
        "packages": _packages(machine, declared["packages"], before["packages"], whole=whole),
        "sysctl": reading.sysctl_wanted(machine, settings),
        "firewall": firewall.read(machine) if ran_firewall else before["firewall"],
        "accounts": _accounts(machine, declared["accounts"], before["accounts"], whole=whole),
    }


def _files(
    machine: Machine, declared: Mapping[str, Any], before: Mapping[str, Any], *, whole: bool
) -> dict[str, dict[str, str]]:
    told = {name: _file(machine, name, said, before.get(name, {})) for name, said in declared["files"].items()}
    carried = {name: entry for name, entry in before.items() if name not in told and not _removed(name, declared)}
    if whole:
        carried = {name: seen for name in carried if (seen := reading.file(machine, name))}
    return {**carried, **told}


def _removed(name: str, declared: Mapping[str, Any]) -> bool:
    return any(name == path or name.startswith(f"{path}/") for path in declared["removed"])


def _file(machine: Machine, name: str, told: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    said = {key: value for key, value in told.items() if key not in {"sha1", "changed"}}
    seen = reading.file(machine, name)
    if "sha1" in told and reading.file(machine, name, "sha1").get("digest") != f"sha1:{told['sha1']}":
        said["digest"] = f"sha1:{told['sha1']}"
    elif "sha1" not in told and "changed" not in told and "digest" in before:
        # The task left the content as it lay, whoever wrote it: what the task before knew of it still counts.
        said["digest"] = before["digest"]
    return {**seen, **said} if seen.get("kind") == told["kind"] else said


def _started(declared: Mapping[str, Any]) -> dict[str, dict[str, bool]]:
    """Declared units, and those whose file was written but which something else starts, as a timer does."""
    written = {str(path.name): path for path in map(PurePosixPath, declared["files"]) if str(path.parent) == units.ETC}
    others = [name for name, path in written.items() if path.suffix in UNIT_SUFFIXES and not path.stem.endswith("@")]
    return {**{name: {} for name in others}, **declared["units"]}


def _units(
    machine: Machine,
    told: Mapping[str, Mapping[str, bool]],
    before: Mapping[str, Any],
    retired: Collection[str],
    *,
    whole: bool,
) -> dict[str, dict[str, Any]]:
    carried = {
        name: {key: entry[key] for key in FLAGS if key in entry}
        for name, entry in before.items()
        if name not in retired
    }
    if whole:
        carried = {name: flags for name, flags in carried.items() if name in told or _there(machine, name)}
    return {**carried, **{name: {**carried.get(name, {}), **flags} for name, flags in told.items()}}


def _there(machine: Machine, unit: str) -> bool:
    return any(units.parts(machine, unit, (*units.LOCAL, *units.VENDOR)))


def _packages(
    machine: Machine, declared: Mapping[str, bool], before: Mapping[str, str], *, whole: bool
) -> dict[str, str]:
    """A declared package that is not there is a virtual one, or went just now: the version before tells which."""
    seen = reading.packages(machine, {*declared, *before})
    kept = {name: seen[name] if whole else version for name, version in before.items() if name not in declared}
    told = {name: (seen[name] or before.get(name, "")) if there else "" for name, there in declared.items()}
    wanted = {name for name, there in declared.items() if not there}
    return {name: version for name, version in {**kept, **told}.items() if version or name in wanted}


def _accounts(machine: Machine, declared: list[str], before: Mapping[str, str], *, whole: bool) -> dict[str, str]:
    seen = reading.accounts(machine, {*declared, *before})
    carried = {name: seen[name] if whole else said for name, said in before.items() if name not in declared}
    return {name: said for name, said in {**carried, **{name: seen[name] for name in declared}}.items() if said}
