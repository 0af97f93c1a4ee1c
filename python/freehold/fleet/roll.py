"""In which order a change goes over the fleet, and when it stops: a canary, then batches, up to a limit of failures.

Pulumi would converge all nodes at once. The program chains them: a batch depends on the batch before it, so what fails
leaves the rest untouched. A failure within the limit must not stop the chain, so that converge ends well in Pulumi's
eyes and is put on record here; the roll's last command (``python -m freehold.fleet.roll``) then fails in its stead.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from freehold.errors import FreeholdError, PartialError, RefusedError
from freehold.fleet import digest, record, shared
from freehold.fleet import document as documents

NODES = "FREEHOLD_ROLL_NODES"


@dataclass(frozen=True)
class Batch:
    """Hosts that converge at once; ``canary`` for the one that goes first alone."""

    hosts: tuple[str, ...]
    canary: bool = False

    def __str__(self) -> str:
        return f"{'canary ' if self.canary else ''}{', '.join(self.hosts)}"


def order(hosts: Sequence[str], canary: str | None, size: int) -> tuple[Batch, ...]:
    """The batches of ``hosts``: the canary (by default the first), then ``size`` at once, in the given order."""
    if not hosts:
        return ()
    first = canary if canary and canary in hosts else hosts[0]
    rest = [host for host in hosts if host != first]
    batches = [Batch(tuple(rest[start : start + size])) for start in range(0, len(rest), size)]
    return (Batch((first,), canary=True), *batches)


def described(batches: Sequence[Batch], limit: int) -> str:
    """One line for a person: ``1. canary gpu1; 2. gpu2; 3. gpu3; …``."""
    steps = "; ".join(f"{place}. {batch}" for place, batch in enumerate(batches, 1))
    return f"roll: {steps}; {limit} failure(s) allowed, the next one leaves the rest untouched"


@dataclass(frozen=True)
class Ledger:
    """The roll that goes on, in a file that its converges share. ``failures`` has host and reason."""

    path: Path

    @classmethod
    def of(cls, state: Path, stack: str) -> Ledger:
        """The ledger of a stack."""
        return cls(state / "rolls" / f"{stack}.json")

    def begin(self, limit: int) -> None:
        """A new roll; what the last one left is history."""
        with self._locked() as stream:
            _write(stream, {"limit": limit, "failures": []})

    def refuse_if_stopped(self, host: str) -> None:
        """Refuse to begin with ``host`` where the roll has failed too often already."""
        with self._locked() as stream:
            data = _read(stream)
        if len(data["failures"]) > data["limit"]:
            raise RefusedError(
                "ROLL_STOPPED",
                host,
                _told(data["failures"]),
                expected=f"{data['limit']} failure(s) at most, fleet:rolling.failure_limit",
                why="what broke those nodes would break this one",
                fix="mend the cause and run `pulumi up` again",
            )

    def tolerates(self, host: str, reason: str) -> bool:
        """Put a failure on record; tell whether the roll goes on all the same."""
        with self._locked() as stream:
            data = _read(stream)
            data["failures"].append({"host": host, "reason": reason})
            _write(stream, data)
        return bool(len(data["failures"]) <= data["limit"])

    def failed(self) -> set[str]:
        """Hosts that failed in this roll."""
        with self._locked() as stream:
            return {failure["host"] for failure in _read(stream)["failures"]}

    def finish(self) -> list[dict[str, str]]:
        """End the roll and return its failures: a converge by hand after it is no part of it."""
        with self._locked() as stream:
            failures: list[dict[str, str]] = _read(stream)["failures"]
            _write(stream, {"limit": 0, "failures": []})
        return failures

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = shared.opened(self.path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def _read(descriptor: int) -> dict[str, Any]:
    text = os.pread(descriptor, 1 << 20, 0)
    try:
        data: dict[str, Any] = json.loads(text)
    except ValueError:
        return {"limit": 0, "failures": []}
    return data


def _write(descriptor: int, data: Mapping[str, Any]) -> None:
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, digest.canonical(data), 0)


def _told(failures: Sequence[Mapping[str, str]]) -> str:
    return "; ".join(f"{failure['host']}: {failure['reason'].splitlines()[0]}" for failure in failures)


def environment(nodes: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The environment of the roll's last command: it differs whenever a node's does."""
    return {NODES: digest.of_data(nodes)[: digest.SHOWN_HEX]}


def main(stdin: TextIO | None = None) -> int:
    """Judge the roll that ends here, and export the document that it made true; exit code 5 if a node failed."""
    try:
        document = documents.parse((stdin or sys.stdin).read(), "standard input")
        state = record.state_folder(document["site"]["name"])
        documents.export(document, state / "export")
        recap = close(Ledger.of(state, document["stack"]), document["stack"])
    except FreeholdError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(recap))
    return 0


def close(ledger: Ledger, stack: str) -> dict[str, int]:
    """End the roll; raises :class:`PartialError` that names the hosts that failed within the limit."""
    failures = ledger.finish()
    if failures:
        raise PartialError(
            "ROLL_INCOMPLETE",
            f"stack {stack}",
            _told(failures),
            expected="every node converged; these failed, within fleet:rolling.failure_limit",
            fix="mend the cause and run `pulumi up` again: it begins with those that failed",
            changed="every other node",
        )
    return {"failed": 0}


if __name__ == "__main__":
    sys.exit(main())
