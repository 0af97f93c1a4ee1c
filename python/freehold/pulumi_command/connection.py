"""A connection to a host as the SDK describes it: pinned host key, one key or password, retries with a limit."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import fabric  # type: ignore[import-untyped]
import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import NoValidConnectionsError

from freehold.pulumi_command.work import Cancellation, CommandError

# The official plugin's pauses between attempts: 0.1 s, half as long again each time, 5 s at most.
FIRST_PAUSE_SECONDS = 0.1
PAUSE_GROWTH = 1.5
LONGEST_PAUSE_SECONDS = 5.0

UNLIMITED = -1
SSH_PORT = 22
KEY_KINDS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class HostKeyError(CommandError):
    """The host shows another key than the pinned one: asking again would not make it the right host."""


@dataclass(frozen=True)
class Target:
    """Where to connect and how. ``per_dial_timeout`` is in seconds, 0 without one; secrets stay out of its ``repr``."""

    host: str
    user: str
    port: int
    dial_error_limit: int
    per_dial_timeout: float
    host_key: str = ""
    password: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    private_key_password: str = field(default="", repr=False)

    @classmethod
    def of(cls, connection: Mapping[str, Any]) -> Target:
        """From checked inputs, defaults included."""
        return cls(
            host=connection["host"],
            user=connection["user"],
            port=int(connection["port"]),
            dial_error_limit=int(connection["dialErrorLimit"]),
            per_dial_timeout=float(connection["perDialTimeout"]),
            host_key=connection.get("hostKey") or "",
            password=connection.get("password") or "",
            private_key=connection.get("privateKey") or "",
            private_key_password=connection.get("privateKeyPassword") or "",
        )


def dial(
    target: Target,
    log: Callable[[str], None],
    cancellation: Cancellation,
    *,
    connect: Callable[[Target], fabric.Connection] | None = None,
) -> fabric.Connection:
    """Connect, trying again until ``dial_error_limit`` errors were forgiven. Raises :class:`CommandError`."""
    connect = connect or open_connection
    limit = "inf" if target.dial_error_limit == UNLIMITED else str(target.dial_error_limit)
    for failed, pause in enumerate(_pauses(), start=1):
        cancellation.refuse_if_cancelled()
        try:
            return connect(target)
        except (OSError, EOFError, paramiko.SSHException) as error:
            reason = f"{target.user}@{target.host}:{target.port}: {_said(error)}"
            if UNLIMITED < target.dial_error_limit < failed:
                raise CommandError(f"no connection after {failed} attempts: {reason}") from error
        log(f"Dial {failed}/{limit} failed: retrying ({reason})")
        cancellation.event.wait(pause)
    raise AssertionError  # the pauses never end


def open_connection(target: Target) -> fabric.Connection:
    """One attempt. Nothing of the user's own SSH configuration, agent or keys takes part."""
    timeout = target.per_dial_timeout or None
    connection = fabric.Connection(
        target.host,
        user=target.user,
        port=target.port,
        connect_timeout=timeout,
        config=fabric.Config(overrides={"load_ssh_configs": False}, lazy=True),
        connect_kwargs={
            "pkey": _private_key(target),
            "password": target.password or None,
            "look_for_keys": False,
            "allow_agent": False,
            # The limit holds for every phase: a host that accepts and then is silent must not hang the update.
            "banner_timeout": timeout,
            "auth_timeout": timeout,
        },
    )
    expected = _pinned(target, connection.client)
    try:
        connection.open()
    except paramiko.BadHostKeyException as error:
        connection.close()
        raise HostKeyError(_wrong_key(target, expected, error.key)) from error
    except BaseException:
        connection.close()
        raise
    return connection


def fingerprint(key: paramiko.PKey) -> str:
    """As `ssh-keygen -l` prints it, with the kind of key before it."""
    return f"{key.get_name()} {key.fingerprint}"


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE_SECONDS)


def _pinned(target: Target, client: paramiko.SSHClient) -> paramiko.PKey | None:
    """Make ``client`` accept one key only. Without a host key any is accepted, which is what the SDK documents."""
    if not target.host_key:
        return None
    key = _parse_host_key(target.host_key)
    name = target.host if target.port == SSH_PORT else f"[{target.host}]:{target.port}"
    client.get_host_keys().add(name, key.get_name(), key)
    return key


def _parse_host_key(text: str) -> paramiko.PKey:
    try:
        kind, encoded = text.split()[:2]
        return paramiko.PKey.from_type_string(kind, base64.b64decode(encoded, validate=True))
    except (ValueError, binascii.Error, paramiko.SSHException, UnknownKeyType) as error:
        raise HostKeyError(
            f"connection.hostKey is no host key: found {text[:40]!r}, expected `ssh-ed25519 AAAA…` as the host's "
            "/etc/ssh/ssh_host_ed25519_key.pub has it"
        ) from error


def _wrong_key(target: Target, expected: paramiko.PKey | None, shown: paramiko.PKey) -> str:
    pinned = fingerprint(expected) if expected else "none"
    return (
        f"host key of {target.host}:{target.port} is not the pinned one: found {fingerprint(shown)}, "
        f"expected {pinned}. Either this is another machine, or the host was installed anew: compare with "
        "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on its own console before you change connection.hostKey"
    )


def _private_key(target: Target) -> paramiko.PKey | None:
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


def _said(error: Exception) -> str:
    if isinstance(error, paramiko.AuthenticationException):
        return "the host does not accept this key or password for this user"
    if isinstance(error, NoValidConnectionsError):  # one error an address; a host rarely has more than one
        return "; ".join(sorted({getattr(one, "strerror", None) or str(one) for one in error.errors.values()}))
    return str(error) or type(error).__name__
