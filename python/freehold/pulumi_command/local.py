"""``command:local:Command`` and ``command:local:run``: a command on the machine that runs Pulumi."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import IO

from freehold.pulumi_command import assets
from freehold.pulumi_command.work import GRACE_SECONDS, STDERR, STDOUT, Capture, CommandError, Output, Task

SHELL = ("/bin/sh", "-c")

READ_BYTES = 64 * 1024
READER_LOOKS_EVERY_SECONDS = 0.2


def run(task: Task) -> Output:
    """Run the command to its end. Raises :class:`CommandError` with its output when that is not exit status 0."""
    task.cancellation.refuse_if_cancelled()
    capture = Capture(task)
    process = _start(task)
    stopper = _Stopper(process)
    limit = threading.Timer(task.timeout, stopper.time_out) if task.timeout else None
    with task.cancellation.stopping(stopper.stop):
        if limit:
            limit.start()
        try:
            _pump(process, task.stdin, capture, stopper)
        finally:
            stopper.finished()
            if limit:
                limit.cancel()
    if stopper.reason:
        raise capture.failure(stopper.reason)
    if process.returncode != 0:
        raise capture.failure(_ending(process.returncode))
    return replace(capture.output(), found=assets.collect(task.inputs))


def _start(task: Task) -> subprocess.Popen[bytes]:
    words = [*(task.inputs.get("interpreter") or SHELL), task.command]
    environment = {**os.environ, **(task.inputs.get("environment") or {}), **task.previous_environment}
    folder = task.inputs.get("dir")
    try:
        # Its own process group: stopping the command stops what it started, and a Ctrl-C at the terminal reaches it
        # through Pulumi only, which first tells what it was doing.
        return subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(f"cannot run {words[0]} in {folder or Path.cwd()}: {reason}") from error


class _Stopper:
    """Ends a process group: first by request, then by order."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._order: threading.Timer | None = None
        self.reason = ""
        self.ordered = threading.Event()

    def stop(self) -> None:
        self._end("cancelled")

    def time_out(self) -> None:
        self._end("no end within the resource's timeout (customTimeouts)")

    def finished(self) -> None:
        """The command itself is gone; after a stop nothing that it started may stay."""
        if self._order:
            self._order.cancel()
            self._kill()

    def _end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._signal(signal.SIGTERM)
        self._order = threading.Timer(GRACE_SECONDS, self._kill)
        self._order.daemon = True
        self._order.start()

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        self.ordered.set()

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return


def _pump(process: subprocess.Popen[bytes], stdin: bytes, capture: Capture, stopper: _Stopper) -> None:
    """Feed and read all three streams at once, until the command ended and both outputs are closed."""
    assert process.stdin  # noqa: S101  by construction: PIPE
    assert process.stdout  # noqa: S101
    assert process.stderr  # noqa: S101
    threads = [
        threading.Thread(target=_write, args=(process.stdin, stdin), daemon=True),
        threading.Thread(target=_read, args=(process.stdout, STDOUT, capture), daemon=True),
        threading.Thread(target=_read, args=(process.stderr, STDERR, capture), daemon=True),
    ]
    for thread in threads:
        thread.start()
    process.wait()
    for thread in threads[1:]:
        # A process that left the group may hold the pipe for ever; after the order to end it is not waited for.
        while thread.is_alive() and not stopper.ordered.is_set():
            thread.join(READER_LOOKS_EVERY_SECONDS)


def _write(pipe: IO[bytes], data: bytes) -> None:
    try:
        with pipe:
            pipe.write(data)
    except BrokenPipeError:
        return  # the command did not want to read it all


def _read(pipe: IO[bytes], name: str, capture: Capture) -> None:
    with pipe:
        while data := os.read(pipe.fileno(), READ_BYTES):
            capture.feed(name, data)
    capture.feed(name, b"")


def _ending(returncode: int) -> str:
    if returncode < 0:
        return f"signal: {signal.Signals(-returncode).name}"
    return f"exit status {returncode}"
