"""What Pulumi's state holds of each host: the program reads it, because memory elsewhere can be lost or another's.

Only a state in a folder can be read; of any other nothing is known, and then nothing is concluded from it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.drift.probe import Probe
from freehold.fleet import state_backup
from freehold.fleet.record import Record, of_environment
from freehold.fleet.state_backup_copies import Place


@dataclass(frozen=True)
class Held:
    """Names of the resources in the state, each with the environment that its command last ended well with."""

    resources: Mapping[str, Mapping[str, str]]

    def converged(self, host: str) -> Record | None:
        """The digests and the generation of a host's last converge; ``None`` if the state has none."""
        found = self.resources.get(f"{host}-converge")
        return None if found is None else of_environment(found, finished=True)


def read(stack: str, environment: Mapping[str, str]) -> Held | None:
    """The state of ``stack``; ``None`` where it cannot be read, which is not the same as an empty one."""
    backend = state_backup.backend_folder(environment)
    if backend is None or (checkpoint := _checkpoint(Place(backend, stack).file)) is None:
        return None
    latest = (checkpoint.get("checkpoint") or {}).get("latest") or {}
    return Held({_name(one): _environment(one) for one in latest.get("resources") or ()})


def _checkpoint(file: Path) -> dict[str, Any] | None:
    packed = file.with_name(f"{file.name}.gz")
    try:
        text = gzip.decompress(packed.read_bytes()) if packed.is_file() else file.read_bytes()
        checkpoint: dict[str, Any] = json.loads(text)
    except (OSError, ValueError, EOFError):
        return None
    return checkpoint


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rsplit("::", 1)[-1]


def _environment(resource: Mapping[str, Any]) -> dict[str, str]:
    given = (resource.get("inputs") or {}).get("environment")
    return {key: value for key, value in given.items() if isinstance(value, str)} if isinstance(given, dict) else {}


def next_generation(state: Record | None, local: Record, found: Probe | None) -> int:
    """The number of the next converge. It differs from the state's exactly when a converge is due for its own sake.

    ``state`` is what Pulumi holds (``None``: nothing, or nobody knows), ``local`` what this control host remembers,
    ``found`` the node's answer (``None`` if it was not asked).
    """
    base = local.generation if state is None else state.generation
    if found is None or not found.reachable:
        return base if local.finished else base + 1
    if found.clean and local.finished:
        return found.generation
    return max(found.generation, base + 1)
