"""The authority's sums of a day's tokens by key, node for node; in memory, on the ledger's thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

KEPT_DAYS = 1
"""A node whose clock is past midnight when another's is not yet still gets the right sums."""


@dataclass
class Tally:
    """``of`` holds each node's last word by day and node; the sums over nodes are kept along."""

    of: dict[tuple[int, str], dict[str, int]] = field(default_factory=dict)
    _sums: dict[int, Counter[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Add up what is there already."""
        known, self.of = self.of, {}
        for (day, node), tokens in known.items():
            self.take(day, node, tokens, whole=True)

    def take(self, day: int, node: str, tokens: Mapping[str, int], *, whole: bool) -> dict[str, int]:
        """Take over a node's word; returns what was new in it. ``whole``: keys that are not named have none."""
        known = self.of.setdefault((day, node), {})
        gone = dict.fromkeys(known.keys() - tokens.keys(), 0) if whole else {}
        new = {key: count for key, count in {**gone, **tokens}.items() if known.get(key, 0) != count}
        sums = self._sums.setdefault(day, Counter())
        for key, count in new.items():
            sums[key] += count - known.get(key, 0)
        known.update(new)
        return new

    def elsewhere(self, day: int, node: str, keys: Container[str]) -> dict[str, int]:
        """Tokens on all nodes but this one, of those of ``keys`` that have any."""
        own = self.of.get((day, node), {})
        found = {key: total - own.get(key, 0) for key, total in self._sums.get(day, {}).items() if key in keys}
        return {key: tokens for key, tokens in found.items() if tokens}

    def forget_before(self, day: int) -> None:
        """Drop days that nobody asks for any more."""
        self.of = {place: tokens for place, tokens in self.of.items() if place[0] >= day - KEPT_DAYS}
        self._sums = {one: sums for one, sums in self._sums.items() if one >= day - KEPT_DAYS}


def difference(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """What has to be said to one who knows ``before``: new numbers, 0 for what is gone."""
    gone = dict.fromkeys(before.keys() - now.keys(), 0)
    return gone | {key: count for key, count in now.items() if before.get(key) != count}
