"""What local and remote commands share: the task, its end, its output, and being stopped from outside."""

from __future__ import annotations

import codecs
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

STDOUT, STDERR = "stdout", "stderr"

# Between the request to end and the order: time for Ansible to close its connections.
GRACE_SECONDS = 5.0

# The kernel's limit for one variable (128 KiB with its name and the ending zero).
LONGEST_VARIABLE = 128 * 1024 - 64


class CommandError(Exception):
    """A command, a connection or a copy failed; the text is for the user."""


@dataclass(frozen=True)
class Output:
    """What a command wrote, without the last line's end; ``found`` are the files that it left, where asked for."""

    stdout: str = ""
    stderr: str = ""
    found: Mapping[str, Any] = field(default_factory=dict, hash=False)


class Cancellation:
    """Stops what is running, once, for everybody; what begins later is refused."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._stops: dict[object, Callable[[], None]] = {}
        self._lock = threading.Condition()

    def refuse_if_cancelled(self) -> None:
        """Raise :class:`CommandError` when nothing may begin any more."""
        if self.event.is_set():
            raise CommandError("cancelled before it began")

    def cancel(self) -> None:
        """Call every registered stop."""
        with self._lock:
            self.event.set()
            stops = list(self._stops.values())
        for stop in stops:
            stop()

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """While the block runs, :meth:`cancel` calls ``stop``, which must not wait; at once when it came before."""
        token = object()
        with self._lock:
            self._stops[token] = stop
        if self.event.is_set():
            stop()
        try:
            yield
        finally:
            with self._lock:
                del self._stops[token]
                self._lock.notify_all()

    def wait_for_ends(self, seconds: float) -> None:
        """Until nothing runs any more, or the time is over."""
        with self._lock:
            self._lock.wait_for(lambda: not self._stops, seconds)


@dataclass(frozen=True)
class Task:
    """One command to run. ``inputs`` are plain values; ``timeout`` is in seconds, 0 without one."""

    command: str
    inputs: Mapping[str, Any]
    previous: Output
    log: Callable[[str], None]
    cancellation: Cancellation = field(default_factory=Cancellation)
    timeout: float = 0.0

    @property
    def stdin(self) -> bytes:
        """What the command reads; nothing, rather than a terminal, when it is not given."""
        return str(self.inputs.get("stdin") or "").encode()

    @property
    def logged(self) -> frozenset[str]:
        """The streams whose lines go to Pulumi's log."""
        mode = self.inputs.get("logging") or "stdoutAndStderr"
        return frozenset({"none": (), "stdout": (STDOUT,), "stderr": (STDERR,)}.get(mode, (STDOUT, STDERR)))

    @property
    def previous_environment(self) -> dict[str, str]:
        """The outputs of the last create or update, unless switched off."""
        if self.inputs.get("addPreviousOutputInEnv") is False:
            return {}
        pairs = {"PULUMI_COMMAND_STDOUT": self.previous.stdout, "PULUMI_COMMAND_STDERR": self.previous.stderr}
        for name, value in pairs.items():
            if len(value.encode()) > LONGEST_VARIABLE:
                raise CommandError(
                    f"{name} would hold {len(value.encode())} bytes, more than an environment can carry: "
                    "set addPreviousOutputInEnv to false, or let the command write less"
                )
        return {name: value for name, value in pairs.items() if value}


class Capture:
    """Collects both streams, and passes finished lines on to the log; safe to feed from two threads."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._lock = threading.Lock()
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in (STDOUT, STDERR)}
        self._texts: dict[str, list[str]] = {STDOUT: [], STDERR: []}
        self._open_lines = {STDOUT: "", STDERR: ""}
        self._both: list[str] = []

    def feed(self, stream: str, data: bytes) -> None:
        """Take bytes of ``stream``; empty bytes end it."""
        with self._lock:
            text = self._decoders[stream].decode(data, final=not data)
            self._texts[stream].append(text)
            self._both.append(text)
            lines = (self._open_lines[stream] + text).split("\n")
            self._open_lines[stream] = lines.pop() if data else ""
        if stream in self._task.logged:
            for line in lines if data else filter(None, lines):
                self._task.log(line.rstrip("\r"))

    def output(self) -> Output:
        """What was written so far."""
        stdout, stderr = ("".join(self._texts[name]).removesuffix("\n") for name in (STDOUT, STDERR))
        return Output(stdout, stderr)

    def failure(self, reason: str) -> CommandError:
        """The error for a command that did not end well, with all that it said, in the order it came."""
        return CommandError(f"{reason}: running {_quoted(self._task.command)}:\n{''.join(self._both)}")


def _quoted(command: str) -> str:
    escaped = command.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
