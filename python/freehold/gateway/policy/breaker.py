"""A circuit breaker for one provider: it stops asking who does not answer, and tries again with one request at a time.

Closed, it counts failures in a row. Open, it lets nothing through for a time that doubles with each opening, spread by
chance so that the gateways of a fleet do not come back together. Then one request is let through, alone, to try: its
success closes the breaker, its failure opens it for longer. Nothing here retries by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a metric shows."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Patience:
    """``failures`` in a row open it, first for about ``first`` seconds, at most for about ``longest``.

    A trial that says nothing for ``trial`` seconds counts as failed.
    """

    failures: int = 5
    first: float = 5.0
    longest: float = 300.0
    trial: float = 120.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to send one request; handed back with its result."""

    number: int
    trial: bool


class Breaker:
    """``clock`` is monotonic seconds; ``chance`` returns a number from 0 up to 1. For one event loop, or one lock."""

    def __init__(
        self, clock: Callable[[], float], chance: Callable[[], float], patience: Patience = Patience()
    ) -> None:
        self._clock, self._chance, self._patience = clock, chance, patience
        self._failures = 0
        self._openings = 0
        self._until: float | None = None
        self._trial: Permit | None = None
        self._trial_until = 0.0
        self._number = 0

    @property
    def state(self) -> State:
        """The state now."""
        if self._until is None:
            return State.CLOSED
        return State.HALF_OPEN if self._trial or self._clock() >= self._until else State.OPEN

    @property
    def up(self) -> bool:
        """Whether :meth:`take` would return a permit; asking changes nothing."""
        if self._until is None:
            return True
        return self._clock() >= (self._trial_until if self._trial else self._until)

    @property
    def wait(self) -> float:
        """Seconds until it is worth asking again."""
        if self._until is None:
            return 0.0
        return max(0.0, (self._trial_until if self._trial else self._until) - self._clock())

    def take(self) -> Permit | None:
        """Return a permit, or none where the request must not be sent."""
        if self._trial and self._clock() >= self._trial_until:
            self._open()  # it was never heard of again
        if not self.up:
            return None
        self._number += 1
        permit = Permit(self._number, trial=self._until is not None)
        if permit.trial:
            self._trial, self._trial_until = permit, self._clock() + self._patience.trial
        return permit

    def succeeded(self, permit: Permit) -> None:
        """Note an answer, of whatever status the caller holds for one."""
        if permit == self._trial:
            self._failures, self._openings, self._until, self._trial = 0, 0, None, None
        elif self._until is None:
            self._failures = 0

    def failed(self, permit: Permit) -> None:
        """Note that no answer came. Requests of before the opening change nothing: they fail together."""
        if permit == self._trial:
            self._open()
        elif self._until is None and not permit.trial:
            self._failures += 1
            if self._failures >= self._patience.failures:
                self._open()

    def told_to_wait(self, permit: Permit, seconds: float) -> None:
        """Note that the provider itself named a time: open at once, for so long and a little more, within reason."""
        if permit != self._trial and (permit.trial or self._until is not None):
            return
        self._open()
        wait = min(seconds, self._patience.longest) * (1.0 + self._chance() / 4)
        self._until = max(self._until or 0.0, self._clock() + wait)

    def dropped(self, permit: Permit) -> None:
        """Give a permit back unused or without a result (the client left): a trial is free for another request."""
        if permit == self._trial:
            self._trial = None

    def _open(self) -> None:
        self._openings += 1
        longest = min(self._patience.longest, self._patience.first * 2.0 ** min(self._openings - 1, 32))
        self._until = self._clock() + longest * (0.5 + self._chance() / 2)
        self._failures, self._trial = 0, None
