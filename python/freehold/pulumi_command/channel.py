"""What paramiko's channels lack: a variable with an answer, and an end for a command and all that it started."""

from __future__ import annotations

from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

ANSWER_SECONDS = 5.0

# sshd gives every command a process group of its own, and one connection serves one task: whatever else hangs under
# this connection's sshd is the task's. (SSH has a request for signals, but sshd refuses it in a login of root.)
_GROUPS = """exec /bin/sh -c '
for group in $(cat /proc/$PPID/task/$PPID/children); do
  [ "$group" = $$ ] || { echo "$group"; kill -s TERM -- "-$group"; }
done'"""


def ask_to_end(transport: paramiko.Transport) -> tuple[int, ...]:
    """Ask every command of this connection to end (SIGTERM); the process groups that were asked.

    None where the host is no Linux, lets nobody run a second command on a connection, or is out of reach.
    """
    return tuple(int(word) for word in _said(transport, _GROUPS).split() if word.isdigit())


def order_to_end(transport: paramiko.Transport, groups: tuple[int, ...]) -> None:
    """End what is left of the process groups (SIGKILL)."""
    if groups:
        _said(transport, f"kill -s KILL -- {' '.join(f'-{group}' for group in groups)} 2>/dev/null")


def _said(transport: paramiko.Transport, command: str) -> str:
    """The output of a short command; empty when it does not come in time."""
    try:
        with transport.open_session(timeout=ANSWER_SECONDS) as channel:
            channel.settimeout(ANSWER_SECONDS)
            channel.exec_command(command)
            with channel.makefile("r") as lines:
                return lines.read().decode()
    except (OSError, EOFError, paramiko.SSHException):
        return ""


def set_variable(channel: paramiko.Channel, name: str, value: str) -> bool:
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
