"""Numbered copies of a stack's state, each with its SHA-256, taken before and after every change.

Only Pulumi's file backend is copied; its file of a stack is one JSON checkpoint, in which secrets are encrypted with
the stack's passphrase. Copies lie beside the backend, so that losing its folder does not lose them, and hold what the
backend held, byte by byte. Nothing here needs the Pulumi CLI.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.fleet.pulumi_environment import PROJECT_NAME

KEPT = 50  # a copy is 45 kB a node; fifty reach back further than anyone remembers what was changed
NAME = re.compile(r"(?P<number>\d{6})-(?P<moment>before|after)\.json")
# Pulumi marks a secret value in a checkpoint by this key (sdk/go/common/resource/sig.go).
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
CHECKPOINT_VERSIONS = {3, 4}


@dataclass(frozen=True)
class Place:
    """Where the state of one stack lies, and its copies."""

    backend: Path
    stack: str
    project: str = PROJECT_NAME

    @property
    def file(self) -> Path:
        """The checkpoint."""
        return self.backend / ".pulumi" / "stacks" / self.project / f"{self.stack}.json"

    @property
    def attributes(self) -> Path:
        """What the backend notes beside each file it writes: its MD5, among others."""
        return self.file.with_name(self.file.name + ".attrs")

    @property
    def folder(self) -> Path:
        """The copies."""
        return self.backend.with_name(f"{self.backend.name}-backups") / self.project / self.stack


@dataclass(frozen=True)
class Copy:
    """One copy; ``moment`` is ``before`` or ``after`` a change."""

    number: int
    moment: str
    path: Path

    @property
    def digest_file(self) -> Path:
        """Its SHA-256, in the form that ``sha256sum --check`` reads."""
        return self.path.with_name(self.path.name + ".sha256")

    @property
    def digest(self) -> str:
        """The SHA-256 that was noted; empty where it is lost."""
        try:
            return self.digest_file.read_text(encoding="ascii").partition(" ")[0]
        except (OSError, UnicodeDecodeError):
            return ""

    def fault(self) -> str:
        """Why this copy cannot be used; empty when it can."""
        try:
            data = self.path.read_bytes()
        except OSError as error:
            return error.strerror or str(error)
        if hashlib.sha256(data).hexdigest() != self.digest:
            return "its SHA-256 is not the one that was noted"
        return fault_of(data)


def copies(place: Place) -> list[Copy]:
    """All copies, oldest first."""
    found = ((NAME.fullmatch(path.name), path) for path in place.folder.glob("*.json"))
    return sorted((Copy(int(m["number"]), m["moment"], path) for m, path in found if m), key=lambda copy: copy.number)


def save(place: Place, moment: str) -> Copy | None:
    """Copy the state as it is now; ``None`` when there is none, it is no checkpoint, or the newest copy is the same.

    Another process that copies at this moment is left to it: what it copies is the same state.
    """
    with contextlib.suppress(FileNotFoundError):
        data = place.file.read_bytes()
        place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(place.folder) as mine:
            return _keep(place, moment, data) if mine and not fault_of(data) else None
    return None


def _keep(place: Place, moment: str, data: bytes) -> Copy | None:
    digest, before = hashlib.sha256(data).hexdigest(), copies(place)
    if before and before[-1].digest == digest and not before[-1].fault():
        return None
    number = before[-1].number + 1 if before else 1
    made = Copy(number, moment, place.folder / f"{number:06d}-{moment}.json")
    # The digest first: a copy without one is never taken for good.
    write(made.digest_file, f"{digest}  {made.path.name}\n".encode())
    write(made.path, data)
    for old in [*before, made][:-KEPT]:
        old.path.unlink(missing_ok=True)
        old.digest_file.unlink(missing_ok=True)
    return made


def write(path: Path, data: bytes) -> None:
    """In one move, for the owner's eyes only, and on the disk before it has its name."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    Path(draft).replace(path)


def fault_of(data: bytes) -> str:
    """Why ``data`` is no state of Pulumi's; empty when it is one."""
    try:
        state = json.loads(data)
        version, resources = state["version"], (state["checkpoint"]["latest"] or {}).get("resources") or []
    except json.JSONDecodeError as error:
        return f"no JSON: {error.msg} in line {error.lineno}" if data.strip() else "an empty file"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "JSON, but no checkpoint of Pulumi's"
    if version not in CHECKPOINT_VERSIONS:
        return f"a checkpoint of version {version!r}"
    if not all(isinstance(one, dict) and one.get("urn") for one in resources):
        return "a resource without URN"
    return "a secret that is not encrypted" if any(_open_secrets(resources)) else ""


def counts(data: bytes) -> tuple[int, int]:
    """How many resources and how many pending operations a good state has."""
    latest = json.loads(data)["checkpoint"]["latest"] or {}
    return len(latest.get("resources") or ()), len(latest.get("pending_operations") or ())


def _open_secrets(value: Any) -> Iterator[bool]:
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            yield "ciphertext" not in value
        for inner in value.values():
            yield from _open_secrets(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _open_secrets(inner)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    with (folder / ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
