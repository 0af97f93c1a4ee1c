"""One converge a node at a time. The kernel holds the lock (flock), so it ends with the last process that held it.

The file's text says who, where and since when. Ansible inherits the descriptor: if the converge itself is killed, the
node stays locked until its children are gone too.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from freehold.errors import LockedError


@contextlib.contextmanager
def held(state: Path, host: str, purpose: str) -> Iterator[int]:
    """Hold the lock of ``host`` and yield its descriptor; raises :class:`LockedError` naming the holder."""
    path = state / "locks" / f"{host}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _locked(path, host, os.read(descriptor, 4096)) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(_holder(purpose)).encode(), 0)
        yield descriptor
        os.truncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _holder(purpose: str) -> dict[str, str | int]:
    since = dt.datetime.now(tz=dt.UTC).isoformat(timespec="seconds")
    return {
        "who": getpass.getuser(),
        "where": socket.gethostname(),
        "process": os.getpid(),
        "since": since,
        "purpose": purpose,
    }


def _locked(path: Path, host: str, text: bytes) -> LockedError:
    try:
        holder = json.loads(text)
        found = "{purpose} by {who} on {where}, process {process}, since {since}".format(**holder)
    except (ValueError, KeyError):
        found = f"the lock {path} is held"
    return LockedError(
        "HOST_LOCKED",
        host,
        found,
        expected="no other converge of this host",
        why="two converges of one host would undo each other's work",
        fix="wait for it to end; it lets go by itself, also when it is killed",
    )
