"""One file over HTTP, to a place that names what it must become. Goes on where it was cut off; checks nothing away."""

from __future__ import annotations

import errno
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from freehold.errors import FreeholdError, IntegrityError, PartialError, UnknownStateError
from freehold.steps import Report
from freehold.weights.digests import BLOCK, human_bytes
from freehold.weights.manifest import FileEntry

ATTEMPTS = 5
TIMEOUT = 30.0
PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416

_TOLD = 64 << 20
"""Progress is told every 64 MiB."""

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Answer(Protocol):
    """What is needed of an HTTP response."""

    status: int

    def read(self, amount: int, /) -> bytes:
        """At most ``amount`` bytes; empty at the end."""

    def close(self) -> None:
        """Let the connection go."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A bundle is where its address says; being sent elsewhere is an error, not an instruction."""

    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Client:
    """Asks a web server. No proxy of the environment is used: the bundle's server is reached directly or not at all."""

    timeout: float = TIMEOUT
    opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    )

    def get(self, url: str, offset: int = 0) -> Answer:
        """Open ``url`` from ``offset`` on. Raises :class:`OSError` (``HTTPError`` is one)."""
        request = urllib.request.Request(url, headers={"Range": f"bytes={offset}-"} if offset else {})  # noqa: S310  the scheme was checked
        answer: Answer = self.opener.open(request, timeout=self.timeout)
        return answer


@dataclass(frozen=True)
class Pace:
    """How often to try again without getting on, and how to wait in between (seconds)."""

    attempts: int = ATTEMPTS
    sleep: Callable[[float], None] = time.sleep


def read_small(url: str, client: Client, limit: int) -> bytes:
    """A document of at most ``limit`` bytes."""
    try:
        answer = client.get(url)
        try:
            data = _read_all(answer, limit + 1)
        finally:
            answer.close()
    except (OSError, http.client.HTTPException) as error:
        raise UnknownStateError(
            "BUNDLE_UNREACHABLE",
            url,
            str(error),
            expected="the bundle's web server",
            fix="see that the web server of the control host runs and that the node reaches it",
        ) from error
    if len(data) > limit:
        raise IntegrityError("BUNDLE_DIGEST", url, f"more than {limit} bytes", expected="a manifest")
    return data


def _read_all(answer: Answer, limit: int) -> bytes:
    data = b""
    while len(data) < limit and (block := answer.read(min(BLOCK, limit - len(data)))):
        data += block
    return data


def download(url: str, part: Path, file: FileEntry, *, client: Client, pace: Pace, report: Report) -> None:
    """Fill ``part`` up to ``file.bytes``. The caller checks the digest.

    A cut connection is taken up again where it ended; when nothing more comes, ``part`` stays for the next run.
    When the disk is full, or more comes than the manifest promises, ``part`` is removed.
    """
    failures = 0
    while (have := part.stat().st_size if part.exists() else 0) < file.bytes or not part.exists():
        try:
            _receive(url, part, file, client, report)
            problem = "the connection ended early"
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise disk_full(part, file, error) from error
            problem = str(error) or type(error).__name__
        if part.exists() and part.stat().st_size > have:
            failures = 0
        elif (failures := failures + 1) >= pace.attempts:
            raise _cut_off(url, part, file, problem)
        else:
            pace.sleep(2.0**failures)
    if part.stat().st_size > file.bytes:
        raise _too_long(part, file)


def _receive(url: str, part: Path, file: FileEntry, client: Client, report: Report) -> None:
    offset = part.stat().st_size if part.exists() else 0
    try:
        answer = client.get(url, offset)
    except urllib.error.HTTPError as error:
        if error.code == RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)  # longer than what is served: it cannot be a beginning of it
        raise
    try:
        # A server that ignores the range sends everything: begin anew.
        with part.open("ab" if answer.status == PARTIAL_CONTENT else "wb") as stream:
            _copy(answer, stream, file, report)
    finally:
        answer.close()


def _copy(answer: Answer, stream: IO[bytes], file: FileEntry, report: Report) -> None:
    while block := answer.read(BLOCK):
        stream.write(block)
        if stream.tell() > file.bytes:
            break  # the caller sees that it is too long; a liar does not get to fill the disk
        if stream.tell() % _TOLD < BLOCK:
            report(f"{file.path}: {human_bytes(stream.tell())} of {human_bytes(file.bytes)}")


def disk_full(part: Path, file: FileEntry, error: OSError) -> FreeholdError:
    """The error for a copy that the disk did not hold; ``part`` is removed."""
    part.unlink(missing_ok=True)
    return PartialError(
        "WEIGHTS_DISK_FULL",
        file.path,
        str(error),
        expected=f"room for {human_bytes(file.bytes)}",
        fix="free space, then run the same command again",
        changed="the partial copy was removed; what was served before still is",
    )


def _cut_off(url: str, part: Path, file: FileEntry, problem: str) -> FreeholdError:
    have = part.stat().st_size if part.exists() else 0
    return PartialError(
        "WEIGHTS_DOWNLOAD_CUT",
        url,
        f"{problem}, after {human_bytes(have)} of {human_bytes(file.bytes)}",
        expected="the whole file",
        fix="run the same command again: it goes on from there",
        changed=f"{part} holds what came; what was served before still is",
    )


def _too_long(part: Path, file: FileEntry) -> FreeholdError:
    found = part.stat().st_size
    part.unlink()
    return IntegrityError(
        "WEIGHTS_DIGEST",
        file.path,
        f"{found} bytes and more",
        expected=f"{file.bytes} bytes",
        why="other bytes are another model, or a damaged one",
        fix="freehold bundle verify on the control host, then provision again",
        changed="the partial copy was removed; what was served before still is",
    )
