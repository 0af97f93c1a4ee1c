"""Explain and let go of a node that another control host marked as being worked on, when that run is gone for good."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from freehold.errors import UsageError, raise_all
from freehold.fleet import lock, preflight, record

MARK = "/etc/freehold/unfinished"
READ = f"sudo -n cat {MARK} 2>/dev/null || :"
# Emptied, not removed: the next run, from wherever, still learns that one was cut off, and restarts what that one left.
FORGET = f"sudo -n sh -c ': > {MARK}'"
USER = "freehold-ops"

Remote = Callable[[preflight.Visit, Path, str], str]
"""Runs a command on a host and returns what it printed; raises :class:`FreeholdError`."""


def unlock(
    document: Mapping[str, Any],
    host: str,
    private_key: Path,
    *,
    state: Path | None = None,
    remote: Remote | None = None,
) -> list[str]:
    """Say what was cleared, in lines for people; raises :class:`LockedError` while a run of this host is at work."""
    execute = remote or preflight.execute
    entries = {entry["name"]: (index, entry) for index, entry in enumerate(document["hosts"])}
    if host not in entries:
        raise UsageError("HOST_UNKNOWN", host, "not in the document", expected=", ".join(entries))
    raise_all(lock.look(state or record.state_folder(document["site"]["name"]), [host]))
    index, entry = entries[host]
    visit = preflight.Visit.of({**entry, "user": USER}, index)
    mark = execute(visit, private_key, READ).strip()
    if not mark:
        return []
    execute(visit, private_key, FORGET)
    return [f"{host}: forgot the unfinished run: {_described(mark)}; the next run goes on and restarts its services"]


def _described(mark: str) -> str:
    try:
        return lock.described(json.loads(mark))
    except (ValueError, KeyError, TypeError):
        return "a mark that cannot be read"
