"""Reaching a node over SSH as the operator does: with the operator's key, and with the node's host key pinned."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from freehold import ssh
from freehold.errors import IntegrityError, PartialError
from freehold.lab.node import LabNode
from freehold.paths import LabPaths

BOOT_LIMIT_SECONDS = 60.0
TRY_SECONDS = 2.0
POLL_SECONDS = 0.05

Probe = Callable[[LabNode], str | None]
"""Returns None when the node answers, or why it does not; raises when its host key is not the pinned one."""


def key_path(paths: LabPaths) -> Path:
    """The operator's private key."""
    return paths.ssh / "id_ed25519"


def known_hosts_path(paths: LabPaths) -> Path:
    """The pinned host keys of all nodes."""
    return paths.ssh / "known_hosts"


def known_hosts(nodes: Iterable[LabNode]) -> str:
    """The text of a known_hosts file with these nodes."""
    return "".join(f"{node.address} {node.host_key}\n" for node in nodes)


def ssh_command(paths: LabPaths, node: LabNode) -> list[str]:
    """An interactive ``ssh`` to the node that trusts nothing but the pinned key and reads no configuration."""
    options = {**ssh.pinned(known_hosts_path(paths)), "ConnectTimeout": "5"}
    where = {"address": node.address, "port": node.port}
    return [*ssh.terminal(where, key_path(paths), options), f"{node.user}@{node.address}"]


def wait_for(
    node: LabNode, probe: Probe, *, limit: float = BOOT_LIMIT_SECONDS, clock: Callable[[], float] = time.monotonic
) -> None:
    """Try until the node answers; after ``limit`` seconds say what was last in the way."""
    deadline = clock() + limit
    while (reason := probe(node)) is not None:
        if clock() > deadline:
            raise PartialError(
                "LAB_NODE_UNREACHABLE",
                node.name,
                f"no SSH on {node.address}:{node.port}: {reason}",
                expected=f"an answer within {limit:.0f} s of power-on",
                fix=f"read logs/{node.name}-console.log in the lab's folder; `make down` and `make up` start afresh",
                changed="the node is powered on",
            )
        time.sleep(POLL_SECONDS)


def make_probe(paths: LabPaths) -> Probe:
    """The real probe: log in and run ``true``."""
    return lambda node: _banner(node) or _log_in(node, key_path(paths))


def _banner(node: LabNode) -> str | None:
    """A cheap first look, as a full login costs a tenth of a second of processor time on either side."""
    try:
        with socket.create_connection((node.address, node.port), timeout=TRY_SECONDS) as stream:
            return None if stream.recv(4) == b"SSH-" else "something that is not SSH answers"
    except OSError as error:
        return str(error)


def _log_in(node: LabNode, key: Path) -> str | None:
    import paramiko  # noqa: PLC0415  slow to load, and a node that is still off needs none of it

    pinned = paramiko.PKey.from_type_string(*_split(node.host_key))
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.get_host_keys().add(node.address, pinned.get_name(), pinned)
        try:
            client.connect(
                node.address,
                node.port,
                node.user,
                pkey=paramiko.Ed25519Key.from_private_key_file(str(key)),
                timeout=TRY_SECONDS,
                allow_agent=False,
                look_for_keys=False,
            )
        except paramiko.BadHostKeyException as error:
            raise _wrong_key(node, f"{error.key.get_name()} {error.key.get_base64()}") from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            return str(error) or type(error).__name__
    return None


def _split(line: str) -> tuple[str, bytes]:
    import base64  # noqa: PLC0415

    kind, text = line.split()
    return kind, base64.b64decode(text)


def _wrong_key(node: LabNode, offered: str) -> IntegrityError:
    return IntegrityError(
        "LAB_HOST_KEY_CHANGED",
        node.name,
        f"the host key {offered}",
        expected=node.host_key,
        why="another machine answers at the node's address",
        fix=f"find out who has {node.address}; then `make down` and `make up`",
    )
