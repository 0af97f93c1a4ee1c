"""Holds a connection to the one host key that was pinned."""

from __future__ import annotations

import base64
import binascii

import paramiko
from paramiko.pkey import UnknownKeyType

from freehold.pulumi_command.target import Target
from freehold.pulumi_command.work import CommandError

SSH_PORT = 22


class HostKeyError(CommandError):
    """The host shows another key than the pinned one: asking again would not make it the right host."""


def pin(target: Target, client: paramiko.SSHClient) -> paramiko.PKey | None:
    """Make ``client`` accept one key only. Without a host key any is accepted, which is what the SDK documents."""
    if not target.host_key:
        return None
    key = parse(target.host_key)
    name = target.host if target.port == SSH_PORT else f"[{target.host}]:{target.port}"
    client.get_host_keys().add(name, key.get_name(), key)
    return key


def parse(text: str) -> paramiko.PKey:
    """From a line of a `.pub` file. Raises :class:`HostKeyError`."""
    try:
        kind, encoded = text.split()[:2]
        return paramiko.PKey.from_type_string(kind, base64.b64decode(encoded, validate=True))
    except (ValueError, binascii.Error, paramiko.SSHException, UnknownKeyType) as error:
        raise HostKeyError(
            f"connection.hostKey is no host key: found {text[:40]!r}, expected `ssh-ed25519 AAAA…` as the host's "
            "/etc/ssh/ssh_host_ed25519_key.pub has it"
        ) from error


def refusal(target: Target, expected: paramiko.PKey | None, shown: paramiko.PKey) -> HostKeyError:
    """The error for a host that shows ``shown``."""
    pinned = fingerprint(expected) if expected else "none"
    return HostKeyError(
        f"host key of {target.host}:{target.port} is not the pinned one: found {fingerprint(shown)}, "
        f"expected {pinned}. Either this is another machine, or the host was installed anew: compare with "
        "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on its own console before you change connection.hostKey"
    )


def fingerprint(key: paramiko.PKey) -> str:
    """As `ssh-keygen -l` prints it, with the kind of key before it."""
    return f"{key.get_name()} {key.fingerprint}"
