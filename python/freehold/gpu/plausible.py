"""Whether the energy counter can have moved as it says it has."""

from __future__ import annotations

from freehold.gpu.reading import MOST_MILLIWATTS

SHORTEST_SECONDS = 1.0
"""The counter moves in steps: less than a second says nothing about power."""


class EnergyGuard:
    """Keeps the last counter of each GPU. A torn value costs itself and its successor, and never a graph."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}

    def allows(self, uuid: str, now: float, millijoules: int) -> bool:
        """Whether the increment since the last look is one that a GPU can spend.

        A counter that is lower than before has been restarted, by a driver reload: then all of it must have been spent
        since.
        """
        before = self._last.get(uuid)
        self._last[uuid] = (now, millijoules)
        if before is None:
            return True
        spent = millijoules - before[1] if millijoules >= before[1] else millijoules
        return spent <= MOST_MILLIWATTS * max(SHORTEST_SECONDS, now - before[0])
