"""The places that can answer for a model, and the choice between them: prefix affinity, but not behind a queue.

Every node of a fleet serves the same models, so a replica is a node. A conversation goes back to the node that has its
beginning in the cache, by rendezvous hashing (Thaler and Ravishankar, 1998): when a node comes or goes, only what is
that node's moves. Where that node is busier than the least busy one by more than `SLACK`, the least busy one answers:
reading a prompt anew costs less than waiting for a place.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

SLACK = 2
"""Open requests that a cached beginning is worth."""

FIRST_REST, LONGEST_REST = 1.0, 30.0
"""Seconds without requests after a failure; doubled with each one that follows, and jittered by half."""


class NoReplicaError(Exception):
    """Nobody is left to ask."""


@dataclass
class Replica:
    """A node that serves the fleet's models. ``url`` is its gateway on the mesh; empty for this node's own runtimes."""

    node: str
    url: str = ""
    open: int = 0
    failures: int = 0
    rests_until: float = 0.0
    trying: bool = False

    @property
    def local(self) -> bool:
        """Whether it is this node."""
        return not self.url


@dataclass
class Replicas:
    """All of them. ``clock`` is monotonic, in seconds."""

    own: str
    clock: Callable[[], float]
    random: random.Random = field(default_factory=random.Random)
    known: dict[str, Replica] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """This node is always one of them."""
        self.known = {self.own: Replica(self.own)} | self.known

    def replace(self, peers: Iterable[tuple[str, str]]) -> None:
        """Take the others to be these (node, address of its gateway); what is known of those that stay is kept."""
        listed = {node: url for node, url in peers if node != self.own}
        kept = {node: one for node, one in self.known.items() if one.local or listed.get(node) == one.url}
        self.known = kept | {node: Replica(node, url) for node, url in listed.items() if node not in kept}

    @contextmanager
    def taken(self, prefix: bytes, without: Iterable[str] = ()) -> Iterator[Replica]:
        """Hold a place of the best replica that is not in ``without``; raises :class:`NoReplicaError`."""
        replica = self.best(prefix, without)
        replica.open += 1
        replica.trying = bool(replica.failures)
        try:
            yield replica
        finally:
            replica.open -= 1
            replica.trying = False

    def best(self, prefix: bytes, without: Iterable[str] = ()) -> Replica:
        """The one to ask for a request that begins with ``prefix`` (empty where nothing is worth keeping)."""
        candidates = self.candidates(without)
        if not candidates:
            raise NoReplicaError
        least = min(one.open for one in candidates)
        if prefix:
            home = max(candidates, key=lambda one: _weight(prefix, one.node))
            if home.open <= least + SLACK:
                return home
        return min(candidates, key=lambda one: (one.open, not one.local, one.node))

    def candidates(self, without: Iterable[str] = ()) -> list[Replica]:
        """Those that may be asked now."""
        passed_over = set(without)
        left = [one for one in self.known.values() if one.node not in passed_over]
        awake = [one for one in left if self._may_be_asked(one)]
        # Somebody has to be asked; a failure of this node's own runtime is the cheapest to hear of.
        return awake or [one for one in left if one.local]

    def failed(self, replica: Replica) -> None:
        """It did not answer: let it rest, longer each time."""
        rest = min(LONGEST_REST, FIRST_REST * 2**replica.failures)
        replica.failures += 1
        replica.rests_until = self.clock() + rest * self.random.uniform(0.5, 1.0)

    def answered(self, replica: Replica) -> None:
        """It is well."""
        replica.failures, replica.rests_until = 0, 0.0

    def _may_be_asked(self, one: Replica) -> bool:
        """After its rest one request finds out whether it is back; the others do not wait for that."""
        return self.clock() >= one.rests_until and not one.trying


def _weight(prefix: bytes, node: str) -> bytes:
    return hashlib.blake2b(prefix, key=node.encode()[:64], digest_size=8).digest()
