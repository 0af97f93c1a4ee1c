"""Gets a page: from the service on this machine, or over SSH from the first monitor that has data."""

from __future__ import annotations

import http.client
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from freehold.errors import FreeholdError, PartialError, RefusedError, UnknownStateError, UsageError, raise_all
from freehold.exporter.service import address
from freehold.process import ProcessError, Runner, run
from freehold.report.asked import Asked, AskedError
from freehold.report.web import LONGEST_SECONDS

COMMAND = "/opt/freehold/venvs/agent/bin/freehold"
CONNECT_SECONDS = 15
REMOTE_SECONDS = 60.0
MOST_BYTES = 64 * 1024 * 1024
BEGINNINGS = {False: "<!DOCTYPE html>", True: "{"}
DATA = {0: "ok", PartialError.exit_code: "partial", UnknownStateError.exit_code: "none"}
"""What the command on the monitor says by its exit code."""


@dataclass(frozen=True)
class Wanted:
    """Which page, in which form."""

    range: str
    view: str
    node: str
    as_json: bool

    @classmethod
    def of(cls, range_: str, view: str, node: str, *, as_json: bool) -> Wanted:
        """Raises :class:`UsageError` for what the service would refuse."""
        from freehold.report.panels import VIEWS  # noqa: PLC0415  a command's help costs nothing

        wanted = cls(range_, view, node, as_json)
        try:
            Asked.parse(wanted.query, VIEWS)
        except AskedError as error:
            raise UsageError("REPORT_ASKED", "freehold report", wanted.query, expected=str(error)) from None
        return wanted

    @property
    def query(self) -> str:
        """As the service takes it."""
        said = {"range": self.range, "view": self.view, "node": self.node, "form": "" if self.as_json else "file"}
        return urlencode({name: value for name, value in said.items() if value})

    @property
    def words(self) -> list[str]:
        """As the command takes it on a monitor."""
        form = ["--json"] if self.as_json else ["--html", "-"]
        said = (("--range", self.range), ("--view", self.view), ("--node", self.node))
        return [COMMAND, "report", "--local", *form, *(word for pair in said if pair[1] for word in pair)]


@dataclass(frozen=True)
class Fetched:
    """A page; ``data`` is ok, partial or none; ``source`` says who made it."""

    text: str
    data: str
    source: str


def from_service(listen: str, wanted: Wanted) -> Fetched:
    """From this machine. Raises :class:`UnknownStateError`."""
    host, port = address(listen)
    connection = http.client.HTTPConnection(host, port, timeout=LONGEST_SECONDS)
    try:
        connection.request("GET", f"/status{'.json' if wanted.as_json else ''}?{wanted.query}")
        response = connection.getresponse()
        body = response.read(MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _unserved(listen, str(error) or type(error).__name__) from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise _unserved(listen, f"status {response.status}: {body[:200].decode('utf-8', 'replace').strip()}")
    return Fetched(body.decode("utf-8", "replace"), response.getheader("X-Freehold-Data", "none"), listen)


def _unserved(listen: str, found: str) -> UnknownStateError:
    return UnknownStateError(
        "REPORT_SERVICE",
        listen,
        found,
        expected="the status page's service on this machine",
        why="it runs on monitors only",
        fix="systemctl status freehold-report; without --local the command asks the fleet's monitor",
    )


def from_fleet(
    document: Path, private_key: Path, known_hosts: Path | None, wanted: Wanted, runner: Runner = run
) -> Fetched:
    """From the first monitor that has data, else from the first that answers. Raises the errors of all of them."""
    from freehold import ssh  # noqa: PLC0415  needs what only a control host has
    from freehold.status.gather import load_document  # noqa: PLC0415  the same

    fleet, errors, empty = load_document(document), list[FreeholdError](), list[Fetched]()
    trusted = known_hosts or document.parent / "known_hosts"
    for host in _monitors(fleet):
        words = ssh.command(host, private_key, trusted, connect_seconds=CONNECT_SECONDS)
        found = _asked(host["name"], words, wanted, runner)
        if isinstance(found, FreeholdError):
            errors.append(found)
        elif found.data == "none":
            empty.append(found)
        else:
            return found
    if not empty:
        raise_all(errors or [_no_monitor(document)])
    return empty[0]


def _monitors(fleet: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Hosts that watch the others; nothing visits one in maintenance."""
    names = fleet.get("monitor", ())
    yield from (host for host in fleet["hosts"] if host["name"] in names and not host["maintenance"])


def _asked(name: str, words: Sequence[str], wanted: Wanted, runner: Runner) -> Fetched | FreeholdError:
    try:
        done = runner([*words, shlex.join(wanted.words)], check=False, timeout=REMOTE_SECONDS)
    except (ProcessError, ValueError) as error:
        return _silent(name, getattr(error, "found", str(error)))
    if done.returncode in DATA and done.stdout.startswith(BEGINNINGS[wanted.as_json]):
        return Fetched(done.stdout, DATA[done.returncode], name)
    said = (done.stderr or done.stdout).strip()[-300:]
    return _silent(name, f"exit status {done.returncode}: {said}")


def _silent(name: str, found: str) -> UnknownStateError:
    return UnknownStateError(
        "REPORT_MONITOR",
        name,
        found,
        expected="the status page over SSH",
        why="only the monitor has the fleet's figures",
        fix="freehold status shows what is up without it; on the monitor: systemctl status freehold-report prometheus",
    )


def _no_monitor(document: Path) -> UnknownStateError:
    return UnknownStateError(
        "REPORT_MONITOR",
        str(document),
        "no monitor that may be asked: there is none, or it is in maintenance",
        expected="at least one host of fleet:monitor in service",
        fix="name one in fleet:monitor, or end its maintenance, and converge",
    )


def write(path: Path, text: str) -> None:
    """Write the file whole or not at all; its mode is 0600, for it tells what the fleet does. Raises RefusedError."""
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RefusedError(
            "REPORT_FILE",
            str(path),
            error.strerror or str(error),
            expected="a file that can be written",
            fix="--html FILE",
        ) from error
