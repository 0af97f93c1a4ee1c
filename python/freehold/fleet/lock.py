"""One run a node at a time, by Pulumi or by hand. The kernel holds the lock (flock), so it ends with its last holder.

The file's text says who, where, since when and what for. A converge hands its descriptor to Ansible (:data:`HELD`); a
run by hand takes the lock itself (callback ``freehold_lock``). Either way Ansible's workers hold it too: where a run is
killed, the node stays locked until nothing of it works on the node any more.

The kernel's lock ends at the control host. What another control host sees is the mark that an unfinished run leaves on
the node; it holds the same text, and ``domain`` tells whether the reader's own lock would have told (same host, same
folder of locks) or not.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from freehold.errors import LockedError
from freehold.fleet import shared

HELD = "FREEHOLD_LOCKS"
"""Variable with a JSON mapping of host name to a descriptor whose lock the parent holds."""
HOLDER = "FREEHOLD_HOLDER"
"""Variable with the holder as JSON, for the mark on the node."""
MACHINE_ID = Path("/etc/machine-id")
DOMAIN_HEX = 16


@contextlib.contextmanager
def held(state: Path, host: str, purpose: str) -> Iterator[int]:
    """Hold the lock of ``host`` and yield its descriptor; raises :class:`LockedError` naming the holder."""
    descriptor = take(state, host, purpose)
    try:
        yield descriptor
        os.truncate(descriptor, 0)
    finally:
        os.close(descriptor)


def take(state: Path, host: str, purpose: str) -> int:
    """Take the lock of ``host`` for as long as the descriptor is open here or in a child; see :func:`held`.

    Also raises :class:`LockedError` where the state folder is closed to this user.
    """
    path = _path(state, host)
    descriptor = shared.opened(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(descriptor, 4096)
        os.close(descriptor)
        raise _locked(path, host, text) from None
    shared.set_aside(state / "runs" / host)
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder(state, purpose)).encode(), 0)
    return descriptor


def take_all(state: Path, hosts: Iterable[str], purpose: str) -> tuple[dict[str, int], list[LockedError]]:
    """Take every lock or none: the descriptors by host, or an error for each host that somebody else works on."""
    taken: dict[str, int] = {}
    errors: list[LockedError] = []
    for host in hosts:
        try:
            taken[host] = take(state, host, purpose)
        except LockedError as error:
            errors.append(error)
    if errors:
        for descriptor in taken.values():
            os.close(descriptor)
        return {}, errors
    return taken, []


def look(state: Path, hosts: Iterable[str]) -> list[LockedError]:
    """An error for each host that a run of this control host works on now; nothing is taken or made."""
    errors: list[LockedError] = []
    for host in hosts:
        path = _path(state, host)
        try:
            with path.open("rb") as stream:
                errors += _held(path, host, stream)
        except FileNotFoundError:
            continue
        except PermissionError:
            errors.append(shared.closed(path))
    return errors


def _held(path: Path, host: str, stream: BinaryIO) -> list[LockedError]:
    try:
        fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return [_locked(path, host, stream.read(4096))]
    return []


def inherited(state: Path, host: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the parent holds this host's lock and handed it down: the descriptor must be of the lock's own file."""
    try:
        found = os.fstat(json.loads(environment.get(HELD, "{}"))[host])
        wanted = _path(state, host).stat()
    except (ValueError, KeyError, TypeError, OSError):
        return False
    return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)


def holder(state: Path, purpose: str) -> dict[str, str | int]:
    """Who runs here, in words for people and a domain for programs."""
    return {
        "who": getpass.getuser(),
        "where": socket.gethostname(),
        "process": os.getpid(),
        "since": dt.datetime.now(tz=dt.UTC).isoformat(timespec="seconds"),
        "purpose": purpose,
        "domain": domain(state),
    }


def domain(state: Path, machine_id: Path = MACHINE_ID) -> str:
    """Names the reach of this lock. The machine's id goes in as part of a digest only: it is nobody else's business."""
    try:
        machine = machine_id.read_text(encoding="ascii").strip()
    except OSError:
        machine = ""
    text = json.dumps([socket.gethostname(), machine, str(_path(state.resolve(), "x").parent)])
    return hashlib.sha256(text.encode()).hexdigest()[:DOMAIN_HEX]


def elsewhere(state: Path, host: str, mark: str) -> list[LockedError]:
    """An error for a mark that a run of another control host left on ``host``, or that nobody can read.

    The same judgement as that of ``playbooks/library/freehold_unfinished.py``, which must stand alone on a node.
    """
    if not mark:
        return []
    try:
        data = json.loads(mark)
        if data["domain"] == domain(state):
            return []
        found = described(data)
    except (ValueError, KeyError, TypeError):
        found = "a mark that cannot be read"
    return [
        LockedError(
            "HOST_LOCKED_ELSEWHERE",
            host,
            found,
            expected="no unfinished run of another control host",
            why="two runs on one host would undo each other's work, and whether that one still works "
            "cannot be told from here",
            fix="wait for it to end; if it is gone for good, in the stack's environment "
            f"(`freehold fleet env --stack STACK --state FOLDER`): freehold fleet unlock --host {host}",
        )
    ]


def described(data: Mapping[str, Any]) -> str:
    """One line for people; raises :class:`KeyError` when something is missing."""
    return "{purpose} by {who} on {where}, process {process}, since {since}".format(**data)


def _path(state: Path, host: str) -> Path:
    return state / "locks" / f"{host}.lock"


def _locked(path: Path, host: str, text: bytes) -> LockedError:
    try:
        found = described(json.loads(text))
    except (ValueError, KeyError, TypeError):
        found = f"the lock {path} is held"
    return LockedError(
        "HOST_LOCKED",
        host,
        found,
        expected="no other run on this host",
        why="two runs on one host would undo each other's work",
        fix="wait for it to end; it lets go by itself, also when it is killed",
    )
