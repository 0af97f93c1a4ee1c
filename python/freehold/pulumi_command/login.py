"""How a connection proves who it is: one private key or a password, or else the keys of an SSH agent."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import paramiko
from paramiko.agent import AgentSSH
from paramiko.auth_strategy import AuthSource, AuthStrategy, InMemoryPrivateKey, Password

from freehold.pulumi_command.target import Target
from freehold.pulumi_command.work import CommandError

KEY_KINDS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


@contextmanager
def login(target: Target) -> Iterator[dict[str, Any]]:
    """What paramiko's `connect` needs to know, for as long as it connects. Raises :class:`CommandError`.

    A private key comes before the password, the password before the agent, and an agent beside a private key is not
    asked: that is the official plugin's order.
    """
    key = private_key(target)
    if key or not target.agent_socket:
        yield {"pkey": key, "password": target.password or None, "look_for_keys": False, "allow_agent": False}
        return
    with Agent(target.agent_socket) as agent:
        yield {"auth_strategy": AgentLogin(target, agent)}


def private_key(target: Target) -> paramiko.PKey | None:
    """The target's private key, decrypted. Raises :class:`CommandError`."""
    if not target.private_key:
        return None
    problems: list[str] = []
    for kind in KEY_KINDS:
        try:
            return kind.from_private_key(io.StringIO(target.private_key), target.private_key_password or None)
        except (paramiko.SSHException, ValueError, IndexError) as error:
            problems.append(f"{kind.__name__}: {error}")
    raise CommandError(
        f"connection.privateKey cannot be read ({'; '.join(problems)}): pass the text of the private key file, "
        "not its path, and privateKeyPassword when it is encrypted"
    )


class Agent(AgentSSH):
    """The agent behind one socket; paramiko's own class knows only that of the environment.

    What that class calls itself to connect and to close is not public, and the only way to another socket.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def __enter__(self) -> Self:
        conversation, inner = socket.socket(socket.AF_UNIX), self._inner()
        try:
            conversation.connect(self._path)
            inner._connect(conversation)  # noqa: SLF001
        except (OSError, paramiko.SSHException) as error:
            conversation.close()
            raise CommandError(
                f"the SSH agent at {self._path} does not answer ({error}): start it, or set connection.agentSocketPath "
                "to the socket of one that runs (`echo $SSH_AUTH_SOCK`)"
            ) from error
        return self

    def __exit__(self, *_about: object) -> None:
        self._inner()._close()  # noqa: SLF001

    def _inner(self) -> Any:
        return self


class AgentLogin(AuthStrategy):
    """The password if there is one, then each key of the agent."""

    def __init__(self, target: Target, agent: Agent) -> None:
        super().__init__(ssh_config=paramiko.SSHConfig())
        self._target, self._agent = target, agent

    def get_sources(self) -> Iterator[AuthSource]:
        """In the order in which they are tried."""
        if self._target.password:
            yield Password(self._target.user, lambda: self._target.password)
        for key in self._agent.get_keys():
            yield InMemoryPrivateKey(self._target.user, key)


def refused(target: Target) -> str:
    """What to say when the host lets nobody in."""
    if target.agent_socket and not target.private_key:
        return f"the host accepts none of the keys in the agent at {target.agent_socket} for this user"
    return "the host does not accept this key or password for this user"
