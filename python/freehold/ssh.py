"""OpenSSH as Freehold uses it: the pinned host keys and no others, no configuration of the user's, no question asked.

One place for the options, so that status, drift, the lab and Ansible trust the same things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from freehold.fleet.host_keys import known_hosts_line

OPERATIONS_USER = "freehold-ops"
"""The account that the bootstrap makes on a node: key only, sudo without a password."""

ALIVE_SECONDS = 5


def pinned(known_hosts: Path) -> dict[str, str]:
    """Options that believe ``known_hosts`` alone and offer no key but the one that is named."""
    return {
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
    }


def words(options: Mapping[str, str]) -> list[str]:
    """Options as arguments."""
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def command(
    host: Mapping[str, Any],
    private_key: Path,
    known_hosts: Path,
    *,
    connect_seconds: int,
    user: str = OPERATIONS_USER,
    more: Mapping[str, str] | None = None,
) -> list[str]:
    """The ``ssh`` words up to the remote command, for a program: it never asks, and a dead peer is noticed.

    ``host`` has ``address`` and ``port``, as an entry of the fleet document.
    """
    options = {
        **pinned(known_hosts),
        "BatchMode": "yes",
        "ConnectTimeout": str(connect_seconds),
        "ServerAliveInterval": str(ALIVE_SECONDS),
        "LogLevel": "ERROR",
        **(more or {}),
    }
    return [*terminal(host, private_key, options), f"{user}@{host['address']}"]


def terminal(host: Mapping[str, Any], private_key: Path, options: Mapping[str, str]) -> list[str]:
    """The words of any ``ssh`` to ``host``, up to who logs in."""
    return ["ssh", "-F", "none", *words({"IdentityFile": str(private_key), **options}), "-p", str(host["port"])]


def known_hosts_text(hosts: Iterable[Mapping[str, Any]]) -> str:
    """A known_hosts file with the pinned keys of ``hosts`` (``address``, ``port``, ``host_key``)."""
    return "".join(known_hosts_line(host["address"], host["port"], host["host_key"]) for host in hosts)
