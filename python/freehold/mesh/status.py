"""How the mesh is doing, seen from the control host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from freehold.errors import UnknownStateError
from freehold.mesh import plan
from freehold.process import Runner

REJECT_AFTER_SECONDS = 180
"""WireGuard forgets a session's keys after this time (REJECT_AFTER_TIME of its paper, table of section 6.1)."""
NEVER = 0
DUMP_FIELDS = 8


@dataclass(frozen=True)
class PeerState:
    """One peer: ``handshake_age`` in seconds, None for never; bytes since the interface came up.

    Of one in ``maintenance`` nobody expects a session.
    """

    name: str
    mesh_address: str
    endpoint: str
    handshake_age: float | None
    received_bytes: int
    sent_bytes: int
    maintenance: bool = False

    @property
    def up(self) -> bool:
        """Whether there is a session that both sides still know."""
        return self.handshake_age is not None and self.handshake_age < REJECT_AFTER_SECONDS

    @property
    def well(self) -> bool:
        """Whether nothing is missing."""
        return self.up or self.maintenance


def read(
    document: Mapping[str, Any], interface: str, runner: Runner, clock: Callable[[], float]
) -> tuple[PeerState, ...]:
    """Every peer of the document. ``clock`` gives seconds of the Unix epoch."""
    end = plan.of_control(document)
    done = runner(["wg", "show", interface, "dump"], check=False)
    if done.returncode != 0:
        raise UnknownStateError(
            "MESH_DOWN",
            interface,
            done.stderr.strip() or "no such interface",
            expected="the control host's end of the mesh",
            fix="freehold mesh up",
        )
    # The first line is the interface's own and holds its private key.
    resting = {host["name"] for host in document["hosts"] if host.get("maintenance")}
    found = parse(done.stdout.splitlines()[1:], end.peers, clock())
    return tuple(replace(one, maintenance=one.name in resting) for one in found)


def parse(lines: Iterable[str], peers: Iterable[plan.Peer], now: float) -> tuple[PeerState, ...]:
    """Peers of the plan from the lines of `wg show … dump`; one that the interface lacks has never been met."""
    rows = {fields[0]: fields for line in lines if len(fields := line.split("\t")) == DUMP_FIELDS}
    return tuple(_state(peer, rows.get(peer.public_key), now) for peer in peers)


def _state(peer: plan.Peer, row: list[str] | None, now: float) -> PeerState:
    if row is None:
        return PeerState(peer.name, peer.address, "", None, 0, 0)
    _, _, endpoint, _, handshake, received, sent, _ = row
    age = None if int(handshake) == NEVER else max(0.0, now - int(handshake))
    return PeerState(peer.name, peer.address, endpoint, age, int(received), int(sent))
