"""Tells whether a stack's state is what Pulumi wrote, and puts the newest good copy in its place when it is not."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from freehold.errors import IntegrityError, RefusedError, raise_all
from freehold.fleet import interrupted
from freehold.fleet.state_backup_copies import Copy, Place, copies, counts, fault_of, save, write
from freehold.process import Completed, ProcessError, Runner, run

COMMAND = "freehold fleet state restore"
WHY = "from a wrong state Pulumi would make things twice, or take down what serves"


def fault(place: Place) -> str:
    """What is wrong with the state; empty when it is good, or when there never was one."""
    try:
        data = place.file.read_bytes()
    except FileNotFoundError:
        return "it is missing, and there are copies of it" if copies(place) else ""
    if found := fault_of(data):
        return found
    digest = hashlib.sha256(data).hexdigest()
    if noted_md5(place) not in ("", _md5(data)) and digest not in {copy.digest for copy in copies(place)}:
        return "it is not what Pulumi wrote: its digest is not the one that the backend noted"
    return ""


def noted_md5(place: Place) -> str:
    """The MD5 (base64) that the backend noted beside the state; empty where it noted none."""
    try:
        return str(json.loads(place.attributes.read_text(encoding="utf-8")).get("md5") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def check(place: Place) -> None:
    """Raise an :class:`IntegrityError` for the state and for each copy that is damaged, all together."""
    errors = [_damaged(place, found)] if (found := fault(place)) else []
    errors += [
        IntegrityError("STATE_COPY_DAMAGED", str(copy.path), why_not, fix="remove it; a restore passes it over")
        for copy in copies(place)
        if (why_not := copy.fault())
    ]
    raise_all(errors)


def mend(place: Place, *, env: Mapping[str, str], cwd: Path, runner: Runner = run) -> list[str]:
    """Restore a damaged or missing state by itself and say so; nothing is done to a good one."""
    found = fault(place)
    if not found:
        return []
    return [f"the state of stack {place.stack}: {found}", *restore(place, env=env, cwd=cwd, runner=runner)]


def restore(
    place: Place,
    number: int | None = None,
    *,
    env: Mapping[str, str],
    cwd: Path,
    runner: Runner = run,
    is_alive: Callable[[interrupted.Lock], bool] = interrupted.runs_here,
) -> list[str]:
    """Put copy ``number`` (default: the newest good one) in the state's place; the lines say what was done.

    What lay there is kept aside. Pulumi itself reads the result before this returns.
    """
    interrupted.refuse_live(interrupted.locks(place), place.stack, is_alive)
    chosen = _choose(place, number)
    data = chosen.path.read_bytes()
    aside = _set_aside(place)
    place.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write(place.file, data)
    note = {"user.content_type": "text/plain; charset=utf-8", "md5": _md5(data)}
    write(place.attributes, json.dumps(note).encode())
    _read_by_pulumi(place, runner(_export(place), cwd=cwd, env=env, check=False))
    resources, pending = counts(data)
    told = [f"restored copy {chosen.number} ({chosen.moment} a change): {resources} resources, {pending} pending"]
    return told + ([f"what lay there is kept as {aside}"] if aside else [])


def _choose(place: Place, number: int | None) -> Copy:
    known = copies(place)
    if number is None:
        good = next((copy for copy in reversed(known) if not copy.fault()), None)
        if good is None:
            raise _damaged(place, f"no good copy among {len(known)} in {place.folder}", fix="restore a backup of yours")
        return good
    asked = next((copy for copy in known if copy.number == number), None)
    found = asked.fault() if asked else "no such copy"
    if asked is None or found:
        raise RefusedError(
            "STATE_COPY_UNUSABLE", f"copy {number}", found, expected="a number from: freehold fleet state list"
        )
    return asked


def _set_aside(place: Place) -> Path | None:
    """A good state is copied like any other; a damaged one keeps a name that no restore takes."""
    if not place.file.exists():
        return None
    data = place.file.read_bytes()
    if not fault(place):
        kept = save(place, "before")
        return kept.path if kept else None
    aside = place.folder / f"damaged-{hashlib.sha256(data).hexdigest()[:12]}"
    write(aside, data)
    return aside


def _export(place: Place) -> list[str]:
    return ["pulumi", "stack", "export", "--stack", place.stack, "--non-interactive"]


def _read_by_pulumi(place: Place, done: Completed) -> None:
    if done.returncode:
        raise ProcessError(
            "STATE_NOT_READ",
            place.stack,
            done.stderr.strip()[-300:],
            expected="a state that `pulumi stack export` reads",
            fix="choose another copy: freehold fleet state list, freehold fleet state restore --at N",
            changed=f"{place.file}; what lay there is in {place.folder}",
        )


def _damaged(place: Place, found: str, *, fix: str = "") -> IntegrityError:
    return IntegrityError(
        "STATE_DAMAGED",
        str(place.file),
        found,
        expected="the checkpoint that Pulumi wrote last",
        why=WHY,
        fix=fix or f"{COMMAND} (make up does it by itself)",
    )


def _md5(data: bytes) -> str:
    """The backend's own checksum: it finds accidents, and nothing here takes it for a proof against malice."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")
