"""Copies the state before a change and, from a small process of its own, after it: `pulumi up` runs no code at its end.

The program of a stack (or a removal that `pulumi destroy` runs) calls :func:`begin`. The watcher holds a descriptor of
the `pulumi` process, waits until that has ended, however it ended, and copies once more. It delays nobody, and what
fails here fails no change: it is told as a warning.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import select
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from freehold.fleet import ancestor
from freehold.fleet.state_backup_copies import Place, save

LIMIT_SECONDS = 24 * 3600  # longer than any roll; then the watcher gives up, and the next change copies before it

Start = Callable[[int, Place], None]


def begin(
    stack: str,
    *,
    environment: Mapping[str, str] = os.environ,
    start: Start | None = None,
) -> str:
    """Copy the state of ``stack`` now, and once `pulumi`, an ancestor of this process, ends.

    Returns what went wrong, in words for a warning; empty when all went well or the backend is not a folder.
    """
    try:
        backend = backend_folder(environment)
        if backend is None:
            return ""
        place = Place(backend, stack)
        save(place, "before")
        pulumi = ancestor.find("pulumi", os.getpid())
        if pulumi is None or not place.folder.is_dir():
            return ""
        (start or start_watcher)(pulumi, place)
    except OSError as error:
        return f"the state was not copied aside: {error}"
    return ""


def backend_folder(environment: Mapping[str, str]) -> Path | None:
    """The folder of Pulumi's file backend, found as Pulumi finds it; ``None`` where something else keeps the state.

    Tried with 3.259: ``~`` is the home that the system's list of users has, not HOME, and only at the very beginning.
    """
    scheme, _, rest = environment.get("PULUMI_BACKEND_URL", "").partition("://")
    text = unquote(rest.partition("?")[0])
    if scheme != "file" or not text:
        return None
    if text == "~" or text.startswith("~/"):
        return Path(pwd.getpwuid(os.getuid()).pw_dir) / text[2:]
    return Path(text).absolute()


def start_watcher(pulumi: int, place: Place) -> None:
    """Leave a process behind that belongs to nobody's session and holds nobody's output open."""
    descriptor = os.pidfd_open(pulumi)
    try:
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(descriptor), str(pulumi), str(place.backend), place.stack],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(descriptor,),
            cwd="/",
        )
    finally:
        os.close(descriptor)


def watch(descriptor: int, pulumi: int, place: Place, limit: float = LIMIT_SECONDS) -> bool:
    """Wait for the process behind ``descriptor`` to end and copy the state; tell whether this watcher did it.

    Each host's removal starts one; the first is enough.
    """
    mark = place.folder / f".watch-{pulumi}"
    with mark.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        ended = bool(poll.poll(limit * 1000))
        if ended:
            save(place, "after")
        mark.unlink(missing_ok=True)
    return ended


def main(arguments: Sequence[str]) -> None:
    """Entry point of the watcher: descriptor, process, backend, stack."""
    descriptor, pulumi, backend, stack = arguments
    with contextlib.suppress(OSError):  # the folder may be gone: a lab was taken down
        watch(int(descriptor), int(pulumi), Place(Path(backend), stack))


if __name__ == "__main__":
    main(sys.argv[1:])
