"""``command:remote:Command``: a command on a host, over SSH."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fabric  # type: ignore[import-untyped]
import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from freehold.pulumi_command.connection import Target, dial
from freehold.pulumi_command.work import STDERR, STDOUT, Capture, CommandError, Output, Task

READ_BYTES = 64 * 1024
NO_STATUS = -1  # paramiko's answer when the host sent none
KEEPALIVE_SECONDS = 15


def run(task: Task) -> Output:
    """Run the command to its end. Raises :class:`CommandError` with its output when that is not exit status 0."""
    target = Target.of(task.inputs["connection"])
    with connected(target, task) as connection:
        channel = connection.create_session()
        _set_environment(channel, connection, task)
        return _execute(channel, task)


@contextmanager
def connected(target: Target, task: Task) -> Iterator[fabric.Connection]:
    """A connection for the length of one task; cancelling or the task's timeout closes it."""
    if not target.host_key:
        task.log(f"no connection.hostKey: whoever answers at {target.host} is trusted")
    connection = dial(target, task.log, task.cancellation)
    late = threading.Event()

    def time_out() -> None:
        late.set()
        connection.close()

    limit = threading.Timer(task.timeout, time_out) if task.timeout else None
    try:
        connection.transport.set_keepalive(KEEPALIVE_SECONDS)
        if limit:
            limit.start()
        with task.cancellation.stopping(connection.close):
            yield connection
    except (CommandError, OSError, EOFError, paramiko.SSHException) as error:
        raise CommandError(_reason(error, task, late)) from error
    finally:
        if limit:
            limit.cancel()
        connection.close()


def _reason(error: Exception, task: Task, late: threading.Event) -> str:
    if late.is_set():
        return f"no end within the resource's timeout (customTimeouts); it may still run on the host: {error}"
    if task.cancellation.event.is_set():
        return f"cancelled; it may still run on the host: {error}"
    return str(error) or type(error).__name__


def _set_environment(channel: paramiko.Channel, connection: fabric.Connection, task: Task) -> None:
    """Wanted variables must be accepted; the previous outputs are offered, as the official plugin does."""
    offered = task.previous_environment
    previous = {name: value for name, value in offered.items() if _accepts(connection, name, value)}
    for name in sorted({*offered} - {*previous}):
        task.log(f"the host does not accept {name}: its sshd would need AcceptEnv for it")
    for name, value in {**previous, **(task.inputs.get("environment") or {})}.items():
        if not _set_variable(channel, name, value):
            raise CommandError(
                f"could not set environment variable {name!r}: the host's sshd takes only names that its AcceptEnv "
                "lists; write them into the command instead (`NAME=value command`), or send them by stdin"
            )


def _accepts(connection: fabric.Connection, name: str, value: str) -> bool:
    """Try on a channel of its own, for a refusal ends it."""
    with connection.create_session() as channel:
        return _set_variable(channel, name, value)


def _set_variable(channel: paramiko.Channel, name: str, value: str) -> bool:
    """Ask for one variable and wait for the answer, which `Channel.set_environment_variable` does not."""
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("env")
    message.add_boolean(True)  # noqa: FBT003  want an answer
    message.add_string(name)
    message.add_string(value)
    inner: Any = channel  # no public method waits for the answer; this is how the channel's other requests do
    inner._event_pending()  # noqa: SLF001
    inner.transport._send_user_message(message)  # noqa: SLF001
    try:
        inner._wait_for_event()  # noqa: SLF001
    except paramiko.SSHException:
        return False
    return True


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
