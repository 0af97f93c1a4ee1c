"""Whether the energy counter can have moved as it says it has."""

from __future__ import annotations

from freehold.gpu.reading import MOST_MILLIWATTS

SHORTEST_SECONDS = 1.0
"""The counter moves in steps: less than a second says nothing about power."""

Seen = tuple[float, int]
"""When, and how many millijoules."""


class EnergyGuard:
    """Follows the counter of each GPU. A torn value, high or low, costs itself and nothing else.

    A counter that began anew, by a driver reload, looks like a torn value at first: it is believed when the next one
    goes on from it. Believed at once, a single 0 would make Prometheus count all that was ever spent once more.
    """

    def __init__(self) -> None:
        self._good: dict[str, Seen] = {}
        self._doubtful: dict[str, Seen] = {}

    def allows(self, uuid: str, now: float, millijoules: int) -> bool:
        """Whether a GPU can have spent what lies between this and the last value that was believed, or doubted."""
        doubted, good = self._doubtful.pop(uuid, None), self._good.get(uuid)
        seen = (now, millijoules)
        if good is None or _goes_on(good, seen) or (doubted is not None and _goes_on(doubted, seen)):
            self._good[uuid] = seen
            return True
        self._doubtful[uuid] = seen
        return False


def _goes_on(before: Seen, after: Seen) -> bool:
    seconds = max(SHORTEST_SECONDS, after[0] - before[0])
    return 0 <= after[1] - before[1] <= MOST_MILLIWATTS * seconds
