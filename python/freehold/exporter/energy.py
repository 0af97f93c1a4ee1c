"""Energy by service: the increments of each GPU's energy counter, divided between those that are on it.

Pure arithmetic, over windows of at least ten seconds: the counter moves in steps, and power itself is sampled for part
of the time only. What is divided is the counter, so the sum over services is the GPUs' energy whatever the method.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from freehold.exporter.units import UNKNOWN

WINDOW_SECONDS = 10.0
IDLE = "none"
OTHERS = "others"
MOST_SERVICES = 64
"""Services that are told apart; a machine whose sessions come and go must not grow the page for ever."""

OURS = "freehold-"
"""These are always told apart: there are as many as the fleet's settings name, and they are what is paid for."""

BY_SM, BY_MEMORY, BY_NOBODY, BY_GUESS = "sm_utilisation", "memory_held", "idle", "unknown"
METHODS = (BY_SM, BY_MEMORY, BY_NOBODY, BY_GUESS)

Shares = Mapping[str, float]


@dataclass
class Window:
    """What was seen of one GPU since its counter was read at the beginning."""

    began: float
    millijoules: int
    busy: bool | None = None
    """Whether the GPU did anything; None where it does not say, as under MIG."""
    held: dict[str, int | None] | None = None
    """Memory by service, at the last look; None where processes cannot be had."""
    active: Counter[str] | None = None
    """SM samples by service, added up; None where they cannot be had."""


@dataclass
class Ledger:
    """Joules by service since the start, and how often each method was used."""

    joules: dict[str, float] = field(default_factory=lambda: {IDLE: 0.0})
    windows: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(METHODS, 0)))

    def know(self, service: str) -> str:
        """The name under which a service is counted; it begins with nothing, so that its first joule is an increase."""
        told_apart = service in self.joules or len(self.joules) < MOST_SERVICES or service.startswith(OURS)
        name = service if told_apart or service == UNKNOWN else OTHERS
        self.joules.setdefault(name, 0.0)
        return name

    def close(self, window: Window, millijoules: int) -> None:
        """Divide what the window spent. A counter that is lower than before began anew: all of it was spent since."""
        spent = millijoules - window.millijoules if millijoules >= window.millijoules else millijoules
        method, shares = divide(window)
        self.windows[method] += 1
        for service, share in shares.items():
            self.joules[self.know(service)] += share * spent / 1000


def divide(window: Window) -> tuple[str, Shares]:
    """Who gets which part, and by which method; the parts add up to one."""
    held = window.held
    if held is None:
        return BY_GUESS, {UNKNOWN: 1.0}
    if not held or window.busy is False:
        return BY_NOBODY, {IDLE: 1.0}
    if len(held) == 1 and window.busy:
        return BY_SM, dict.fromkeys(held, 1.0)  # it alone can have done it
    if window.active is not None and window.active.total() > 0:
        return BY_SM, _parts(window.active)
    known = {service: size for service, size in held.items() if size}
    return (BY_MEMORY, _parts(known)) if known else (BY_GUESS, {UNKNOWN: 1.0})


def _parts(weights: Mapping[str, int]) -> Shares:
    whole = sum(weights.values())
    return {service: weight / whole for service, weight in weights.items() if weight}
