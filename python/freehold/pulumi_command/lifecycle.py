"""What create, update and delete mean for each kind of resource; pure but for the functions that do the work."""

from __future__ import annotations

import importlib
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from freehold.pulumi_command import schema, wire
from freehold.pulumi_command.secrecy import Redactor
from freehold.pulumi_command.work import Cancellation, CommandError, Output, Task

Trees = Mapping[str, wire.Tree]
Log = Callable[[str], None]

COPIES = (schema.COPY, schema.COPY_FILE)
STREAMS = ("stdout", "stderr")
FOUND = ("assets", "archive")
NOTHING = Output()


# SSH takes 0.2 s to import, and many stacks need none. Under a lock: resources run in threads of their own, and two
# that import the same packages at once would see them half made.
_importing = threading.Lock()


def _load(name: str) -> Any:
    with _importing:
        return importlib.import_module(f"freehold.pulumi_command.{name}")


def _run_local(task: Task) -> Output:
    output: Output = _load("local").run(task)
    return output


def _run_remote(task: Task) -> Output:
    output: Output = _load("remote").run(task)
    return output


def _copy(task: Task) -> Output:
    _load("copy").copy(task)
    return Output()


def _copy_file(task: Task) -> Output:
    _load("copy").copy_file(task)
    return Output()


def _workers() -> dict[str, Callable[[Task], Output]]:
    return {
        schema.LOCAL: _run_local,
        schema.RUN: _run_local,
        schema.REMOTE: _run_remote,
        schema.COPY: _copy,
        schema.COPY_FILE: _copy_file,
    }


@dataclass(frozen=True)
class Lifecycle:
    """The three operations. ``workers`` do the work of each kind of resource."""

    cancellation: Cancellation = field(default_factory=Cancellation)
    workers: Mapping[str, Callable[[Task], Output]] = field(default_factory=_workers)

    def create(self, kind: str, name: str, inputs: Trees, log: Log, *, timeout: float, preview: bool) -> _Created:
        """Run `create`, or copy. In a preview nothing runs, and the outputs are unknown."""
        if preview:
            return _Created("", _with_unknown_outputs(kind, inputs))
        digits = secrets.token_hex(4)
        if kind in COPIES:
            self._work(kind, "", inputs, log, timeout=timeout)
            return _Created(digits, dict(inputs))
        command = wire.plain(inputs.get("create"))
        output = NOTHING if command is None else self._work(kind, command, inputs, log, timeout=timeout)
        return _Created(name + digits, _with_outputs(inputs, output))

    def update(self, kind: str, old: Trees, inputs: Trees, log: Log, *, timeout: float, preview: bool) -> Trees:
        """Run `update`, or `create` where there is none, or copy what changed."""
        if preview:
            return _with_unknown_outputs(kind, inputs)
        if kind in COPIES:
            if _source(old) != _source(inputs):
                self._work(kind, "", inputs, log, timeout=timeout)
            return dict(inputs)
        plain = wire.plain(dict(inputs))
        command = plain.get("create") if plain.get("update") is None else plain["update"]
        if command is None:
            return {**inputs, **{name: old.get(name, "") for name in STREAMS}}
        output = self._work(kind, command, inputs, log, timeout=timeout, previous=_previous(old))
        return _with_outputs(inputs, output)

    def delete(self, kind: str, old: Trees, log: Log, *, timeout: float) -> None:
        """Run `delete` as the state has it. What was copied stays: the SDK documents no removal."""
        command = wire.plain(old.get("delete"))
        if kind not in COPIES and command is not None:
            self._work(kind, command, old, log, timeout=timeout, previous=_previous(old))

    def invoke(self, function: str, inputs: Trees, log: Log) -> Trees:
        """Run a function's command. What it is given comes back beside what it found."""
        return _with_outputs(inputs, self._work(function, wire.plain(inputs["command"]), inputs, log, timeout=0))

    def _work(
        self, kind: str, command: str, inputs: Trees, log: Log, *, timeout: float, previous: Output = NOTHING
    ) -> Output:
        redactor = Redactor.of(inputs)
        task = Task(
            command=command,
            inputs=wire.plain({key: value for key, value in inputs.items() if key not in (*STREAMS, *FOUND)}),
            previous=previous,
            log=lambda line: log(redactor.mask(line)),
            cancellation=self.cancellation,
            timeout=timeout,
        )
        try:
            return self.workers[kind](task)
        except CommandError as error:
            raise CommandError(redactor.mask(str(error))) from error


@dataclass(frozen=True)
class _Created:
    identity: str
    properties: Trees


def _previous(old: Trees) -> Output:
    stdout, stderr = (wire.plain(old.get(name)) for name in STREAMS)
    return Output(stdout or "", stderr or "")


def _with_outputs(inputs: Trees, output: Output) -> dict[str, wire.Tree]:
    """Files of an earlier run are not among them: the engine keeps their digests only, and no SDK reads such assets."""
    redactor = Redactor.of(inputs)
    texts: dict[str, Any] = {"stdout": output.stdout, "stderr": output.stderr}
    marked = {name: wire.as_secret(text) if redactor.finds(text) else text for name, text in texts.items()}
    return {**inputs, **marked, **output.found}


def _with_unknown_outputs(kind: str, inputs: Trees) -> dict[str, wire.Tree]:
    """The files that a command will leave are left out: an SDK takes what is missing in a preview as not known."""
    return dict(inputs) if kind in COPIES else {**inputs, **dict.fromkeys(STREAMS, wire.UNKNOWN)}


def _source(trees: Trees) -> tuple[Any, Any]:
    source = wire.plain(trees.get("source")) or {}
    return source.get("hash"), wire.plain(trees.get("remotePath"))
