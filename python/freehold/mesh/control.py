"""The control host's own end of the mesh: an interface with every node as its peer.

The kernel's WireGuard is taken where there is one, else wireguard-go. Every function may be called again: what is right
stays untouched, and what a killed run left is cleared away first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from freehold.errors import PartialError
from freehold.mesh import keys, plan
from freehold.process import Runner
from freehold.steps import UP_TO_DATE

INTERFACE = "fh-control"
"""By default; the lab's carries the lab's prefix, so that it is found by name."""
SOCKETS = Path("/run/wireguard")
START_LIMIT_SECONDS = 10.0
POLL_SECONDS = 0.05

Start = Callable[[str], None]
"""Starts wireguard-go for an interface; it must live on when this process ends."""


def key_path(folder: Path) -> Path:
    """Where the control host's private key lies below the folder of keys."""
    return folder / "mesh" / "control.key"


def ensure_key(folder: Path) -> str:
    """Return the control host's public key; the private one is made (mode 0600) where there is none."""
    return keys.ensure(key_path(folder))


def up(
    document: Mapping[str, Any],
    keys_folder: Path,
    interface: str,
    runner: Runner,
    *,
    start: Start | None = None,
) -> str:
    """Make the interface what the document says, without disturbing sessions of peers that stay."""
    end = plan.of_control(document)
    ensure_key(keys_folder)
    fresh = not alive(interface, runner)
    if fresh:
        down(interface, runner)
        _make(interface, runner, start or _daemon(runner))
    changed = _settle(interface, end, runner)
    private = key_path(keys_folder).read_text(encoding="ascii").strip()
    # Without a port of its own it stays on the one it has: another would be a stranger's until the next handshake.
    port = end.port or int(runner(["wg", "show", interface, "listen-port"]).stdout)
    changed |= _sync(interface, plan.interface_text(private, port) + plan.peers_text(end.peers), runner)
    return f"{interface} {end.address}, {len(end.peers)} peers" if fresh or changed else UP_TO_DATE


def down(interface: str, runner: Runner) -> None:
    """Take the interface away; wireguard-go ends with it. None is fine."""
    runner(["ip", "link", "delete", interface], check=False)


def alive(interface: str, runner: Runner) -> bool:
    """Whether the interface is there and its WireGuard answers: a dead wireguard-go leaves a socket behind."""
    return runner(["wg", "show", interface, "listen-port"], check=False).returncode == 0


def _make(interface: str, runner: Runner, start: Start) -> None:
    if runner(["ip", "link", "add", interface, "type", "wireguard"], check=False).returncode == 0:
        return
    start(interface)
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while not alive(interface, runner):
        if time.monotonic() > deadline:
            raise PartialError(
                "MESH_SILENT",
                interface,
                f"wireguard-go does not answer after {START_LIMIT_SECONDS:.0f} s",
                expected="an interface that `wg show` can read",
                fix="see that /dev/net/tun is there and wireguard-go is installed, then run the same command again",
                changed="its process may be running",
            )
        time.sleep(POLL_SECONDS)


def _daemon(runner: Runner) -> Start:
    """By itself wireguard-go goes into the background, where it stays until the interface is deleted."""

    def start(interface: str) -> None:
        runner(["wireguard-go", interface])

    return start


def _settle(interface: str, end: plan.End, runner: Runner) -> bool:
    """Address, MTU and link; whether anything had to change."""
    (link,) = json.loads(runner(["ip", "-json", "address", "show", "dev", interface]).stdout)
    found = {f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"] if one.get("scope") != "link"}
    for address in found - {end.address}:
        runner(["ip", "address", "delete", address, "dev", interface])
    if end.address not in found:
        runner(["ip", "address", "add", end.address, "dev", interface])
    right = link["mtu"] == end.mtu and "UP" in link["flags"]
    if not right:
        runner(["ip", "link", "set", interface, "mtu", str(end.mtu), "up"])
    return not right or found != {end.address}


def _sync(interface: str, text: str, runner: Runner) -> bool:
    """Apply the differences only. The text has the private key in it: it goes through standard input."""
    before = _shown(interface, runner)
    runner(["wg", "syncconf", interface, "/dev/stdin"], stdin=text)
    return _shown(interface, runner) != before


def _shown(interface: str, runner: Runner) -> list[str]:
    asked = ("public-key", "allowed-ips", "persistent-keepalive")
    return [runner(["wg", "show", interface, what]).stdout for what in asked]
