"""A page for the node exporter's textfile collector, in one move; the standard library alone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write(path: Path, page: str) -> None:
    """In one move and readable for the exporter, which is another user: a scrape never sees half a page.

    Raises :class:`OSError`; then the page of before stays, with its old times, and nothing else is left.
    """
    # The collector takes *.prom and nothing else. By number, so that a run by hand and one of the timer do not mix.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)  # of a process that was killed, maybe another user's
    try:
        with draft.open("x", encoding="utf-8", errors="replace") as stream:
            os.fchmod(stream.fileno(), 0o644)
            stream.write(page)
            stream.flush()
            os.fsync(stream.fileno())  # some file systems would keep the move through a power cut, and not the content
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
