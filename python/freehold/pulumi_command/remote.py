"""``command:remote:Command``: a command on a host, over SSH."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import fabric  # type: ignore[import-untyped]
import paramiko

from freehold.pulumi_command.channel import ask_to_end, order_to_end, set_variable
from freehold.pulumi_command.connection import Line, dial
from freehold.pulumi_command.target import Target
from freehold.pulumi_command.work import GRACE_SECONDS, STDERR, STDOUT, Capture, CommandError, Output, Task

READ_BYTES = 64 * 1024
NO_STATUS = -1  # paramiko's answer when the host sent none
KEEPALIVE_SECONDS = 15


def run(task: Task) -> Output:
    """Run the command to its end. Raises :class:`CommandError` with its output when that is not exit status 0."""
    with connected(task) as session:
        channel = session.connection.create_session()
        _set_environment(channel, session.connection, task)
        session.runs_command = True
        return _execute(channel, task)


class Session:
    """The connection of one task, and its end: by request where a command runs, by closing it otherwise."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._over = threading.Event()
        self._ending: threading.Thread | None = None
        self.connection: fabric.Connection = line.host
        self.runs_command = self.late = self.abandoned = False

    def stop(self) -> None:
        """End the task from outside, without waiting for it."""
        if not self.runs_command:
            self._line.close()
        elif self._ending is None:
            self._ending = threading.Thread(target=self._end_command, daemon=True)
            self._ending.start()

    def time_out(self) -> None:
        """The resource's timeout is over."""
        self.late = True
        self.stop()

    def close(self) -> None:
        """The task has ended; after a stop nothing that its command started may stay."""
        self._over.set()
        if self._ending:
            self._ending.join()
        self._line.close()

    def _end_command(self) -> None:
        transport = self.connection.transport
        groups = ask_to_end(transport)
        self.abandoned = not groups
        self._over.wait(GRACE_SECONDS if groups else 0)
        order_to_end(transport, groups)
        self._line.close()


@contextmanager
def connected(task: Task) -> Iterator[Session]:
    """A connection for the length of one task; cancelling or the task's timeout ends it."""
    target = Target.of(task.inputs["connection"], os.environ)
    _warn_of_strangers(target, task.log)
    session = Session(dial(target, task.log, task.cancellation))
    limit = threading.Timer(task.timeout, session.time_out) if task.timeout else None
    with task.cancellation.stopping(session.stop):
        try:
            session.connection.transport.set_keepalive(KEEPALIVE_SECONDS)
            if limit:
                limit.start()
            yield session
        except (CommandError, OSError, EOFError, paramiko.SSHException) as error:
            session.close()
            raise CommandError(_reason(error, task, session)) from error
        finally:
            if limit:
                limit.cancel()
            session.close()


def _warn_of_strangers(target: Target, log: Callable[[str], None]) -> None:
    for hop in filter(None, (target.proxy, target)):
        if not hop.host_key:
            log(f"no connection.hostKey: whoever answers at {hop.host} is trusted")


def _reason(error: Exception, task: Task, session: Session) -> str:
    perhaps = "; it may still run on the host" if session.abandoned else ""
    if session.late:
        return f"no end within the resource's timeout (customTimeouts){perhaps}: {error}"
    if task.cancellation.event.is_set():
        return f"cancelled{perhaps}: {error}"
    return str(error) or type(error).__name__


def _set_environment(channel: paramiko.Channel, connection: fabric.Connection, task: Task) -> None:
    """Wanted variables must be accepted; the previous outputs are offered, as the official plugin does."""
    offered = task.previous_environment
    previous = {name: value for name, value in offered.items() if _accepts(connection, name, value)}
    for name in sorted({*offered} - {*previous}):
        task.log(f"the host does not accept {name}: its sshd would need AcceptEnv for it")
    for name, value in {**previous, **(task.inputs.get("environment") or {})}.items():
        if not set_variable(channel, name, value):
            raise CommandError(
                f"could not set environment variable {name!r}: the host's sshd takes only names that its AcceptEnv "
                "lists; write them into the command instead (`NAME=value command`), or send them by stdin"
            )


def _accepts(connection: fabric.Connection, name: str, value: str) -> bool:
    """Try on a channel of its own, for a refusal ends it."""
    with connection.create_session() as channel:
        return set_variable(channel, name, value)


def _execute(channel: paramiko.Channel, task: Task) -> Output:
    capture = Capture(task)
    channel.exec_command(task.command)
    helpers = [
        threading.Thread(target=_write, args=(channel, task.stdin), daemon=True),
        threading.Thread(target=_read_stderr, args=(channel, capture), daemon=True),
    ]
    for helper in helpers:
        helper.start()
    while data := channel.recv(READ_BYTES):
        capture.feed(STDOUT, data)
    capture.feed(STDOUT, b"")
    helpers[1].join()
    status = channel.recv_exit_status()
    if status == NO_STATUS:
        raise capture.failure("it was ended by a signal, or the connection was lost")
    if status != 0:
        raise capture.failure(f"Process exited with status {status}")
    return capture.output()


def _read_stderr(channel: paramiko.Channel, capture: Capture) -> None:
    while data := channel.recv_stderr(READ_BYTES):
        capture.feed(STDERR, data)
    capture.feed(STDERR, b"")


def _write(channel: paramiko.Channel, data: bytes) -> None:
    try:
        channel.sendall(data)
        channel.shutdown_write()
    except OSError:
        return  # the command ended without reading it all
