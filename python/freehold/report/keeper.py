"""Pages that were made lately: each is made once, by a few at a time, and kept for ten seconds."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from freehold.report.asked import Asked

KEEP_SECONDS = 10.0
MOST_KEPT = 12
"""Pages of 0.4 MB, and of 0.9 MB as JSON, for a fleet of two nodes with eight GPUs: 16 MB."""

AT_ONCE = 2
PATIENCE_SECONDS = 6.0
"""A page takes five seconds at worst; the place of the one before it becomes free within this."""


class BusyError(Exception):
    """All places are taken by pages that do not end."""


@dataclass(frozen=True)
class Made:
    """One page. ``data`` is ok, partial or none; ``at`` is of the monotonic clock."""

    body: bytes
    data: str
    at: float
    seconds: float


@dataclass
class Tally:
    """What is told of the making."""

    made: int = 0
    failed: int = 0
    refused: int = 0
    without_data: int = 0
    seconds: float = 0.0
    last_at: float | None = None


class Keeper:
    """Makes pages with ``make``, and does not make the same one twice at a time."""

    def __init__(self, make: Callable[[Asked], Made], clock: Callable[[], float] = time.monotonic) -> None:
        self._make, self._clock = make, clock
        self._kept: OrderedDict[Asked, Made] = OrderedDict()
        self._guard = threading.Condition()
        self._at_work: set[Asked] = set()
        self.tally = Tally()

    def page(self, asked: Asked) -> Made:
        """The page, kept or new. Raises :class:`BusyError`, and what the making raises."""
        if (found := self._kept_or_mine(asked)) is not None:
            return found
        try:
            made = self._make(asked)
        except BaseException:
            self._done(asked, None)
            raise
        self._done(asked, made)
        return made

    def _kept_or_mine(self, asked: Asked) -> Made | None:
        """The page if it is there; None when it is the caller's to make."""
        until = self._clock() + PATIENCE_SECONDS
        with self._guard:
            while True:
                found = self._kept.get(asked)
                if found is not None and self._clock() - found.at < KEEP_SECONDS:
                    return found
                if asked not in self._at_work and len(self._at_work) < AT_ONCE:
                    self._at_work.add(asked)
                    return None
                left = until - self._clock()
                if left <= 0 or not self._guard.wait(left):
                    self.tally.refused += 1
                    raise BusyError

    def _done(self, asked: Asked, made: Made | None) -> None:
        with self._guard:
            self._at_work.discard(asked)
            if made is None:
                self.tally.failed += 1
            else:
                self._keep(asked, made)
            self._guard.notify_all()

    def _keep(self, asked: Asked, made: Made) -> None:
        self._kept[asked] = made
        self._kept.move_to_end(asked)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        self.tally.made += 1
        self.tally.without_data += made.data == "none"
        self.tally.seconds, self.tally.last_at = made.seconds, made.at
