"""Processes that belong to the lab without being in one of its groups, found in /proc."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

# Only these are ended for a connection to a node: Ansible's shared connections outlive the run that made them.
CLIENT_NAMES = frozenset({"ssh"})


def ancestors(proc: Path, pid: int) -> set[int]:
    """``pid`` and the processes above it: a command must not find itself."""
    found: set[int] = set()
    while pid > 0 and pid not in found:
        found.add(pid)
        pid = _parent(proc / str(pid))
    return found


def started_by(proc: Path, setting: str) -> set[int]:
    """The processes that were started with ``NAME=value`` in their environment."""
    wanted = setting.encode()
    return {pid for pid, folder in _all(proc) if wanted in _bytes(folder / "environ").split(b"\0")}


def ssh_clients(proc: Path, networks: Iterable[IPv4Network]) -> set[int]:
    """SSH clients connected to an address of the networks."""
    sockets = {f"socket:[{inode}]" for inode in connected(_text(proc / "net/tcp"), tuple(networks))}
    if not sockets:
        return set()
    named = [(pid, folder) for pid, folder in _all(proc) if _text(folder / "comm").strip() in CLIENT_NAMES]
    return {pid for pid, folder in named if _open_files(folder) & sockets}


def connected(table: str, networks: tuple[IPv4Network, ...]) -> set[str]:
    """The socket inodes in a /proc/net/tcp whose far end is in one of the networks."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[9] for row in rows if any(_address(row[2]) in each for each in networks)}


def name(proc: Path, pid: int) -> str:
    """The name of a process, for people to read."""
    return _text(proc / str(pid) / "comm").strip()


def _address(text: str) -> IPv4Address:
    return IPv4Address(bytes.fromhex(text.partition(":")[0])[::-1])


def _all(proc: Path) -> list[tuple[int, Path]]:
    return [(int(folder.name), folder) for folder in proc.iterdir() if folder.name.isdigit()]


def _parent(folder: Path) -> int:
    """The fourth field of stat; the second, the name, may hold blanks and parentheses."""
    fields = _text(folder / "stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def _open_files(folder: Path) -> set[str]:
    with contextlib.suppress(OSError):
        return {os.readlink(link) for link in (folder / "fd").iterdir()}  # noqa: PTH115  the text, not a path
    return set()


def _bytes(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", errors="replace")
