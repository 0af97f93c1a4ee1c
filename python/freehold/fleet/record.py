"""What this control host remembers of the converges of a stack: a hint for people, and a generation for Pulumi.

Pulumi keeps the old inputs of a resource whose update failed. If the change is then taken back, nothing differs and the
half-changed node would stay as it is. So a converge that does not finish raises the generation, which is one of the
inputs: the next ``pulumi up`` converges again, once, and then it settles. A lost record costs one converge.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from freehold.fleet import digest, shared
from freehold.paths import lab_paths

LAB_SITE = "lab"
PREFIX = "FREEHOLD_DIGEST_"
GENERATION = "FREEHOLD_GENERATION"


@dataclass(frozen=True)
class Record:
    """The last converge of one host."""

    generation: int = 0
    finished: bool = True
    digests: Mapping[str, str] = field(default_factory=dict)


def state_folder(site: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Logs, locks and records: ``FREEHOLD_STATE``, else the lab's own folder, else the user's (XDG) state folder."""
    if given := environment.get("FREEHOLD_STATE"):
        return Path(given)
    if site == LAB_SITE:
        return lab_paths().root
    base = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "freehold" / site


def path_of(state: Path, stack: str, host: str) -> Path:
    """Where the record of a host lies."""
    return state / "converged" / stack / f"{host}.json"


def read(path: Path) -> Record:
    """The record; an empty one where there is none or it cannot be read (that only costs a converge)."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Record(int(data["generation"]), bool(data["finished"]), dict(data["digests"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Record()


def write(path: Path, record: Record) -> None:
    """Keep ``record``, in one move."""
    shared.make(path.parent)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(digest.canonical(asdict(record)))
    draft.replace(path)


def of_environment(environment: Mapping[str, str], *, finished: bool) -> Record:
    """The record of the converge that runs with ``environment``."""
    digests = {name.removeprefix(PREFIX): value for name, value in environment.items() if name.startswith(PREFIX)}
    return Record(int(environment.get(GENERATION, "0")), finished, digests)


def reasons(record: Record, digests: Mapping[str, str]) -> list[str]:
    """Names of the parts that differ from the last converge, and what else makes another one due."""
    wanted = {name.removeprefix(PREFIX): value for name, value in digests.items() if name.startswith(PREFIX)}
    if not record.finished:
        return ["the last converge did not finish"]
    if not record.digests:
        return ["never converged from here"]
    names = sorted(set(wanted) | set(record.digests))
    return [name.lower() for name in names if wanted.get(name) != record.digests.get(name)]
