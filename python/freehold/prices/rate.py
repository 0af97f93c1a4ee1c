"""Prices as whole numbers: pico-dollars a token, with the steps that a long prompt climbs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

PICO_PER_NANO = 1_000
PICO_PER_MTOK = 1_000_000
"""A dollar for a million tokens is 10^-6 dollars a token: 10^6 pico-dollars."""
PICO_PER_KCOUNT = 1_000_000_000
"""A dollar for a thousand requests is 10^-3 dollars each: 10^9 pico-dollars."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Pico-dollars a token. ``above`` is (prompt tokens, price), rising: a longer prompt pays it for all its tokens."""

    base: int
    above: tuple[tuple[int, int], ...] = ()

    def at(self, prompt: int) -> int:
        """Return the price of a token in a call with ``prompt`` tokens."""
        found = self.base
        for start, price in self.above:
            if prompt > start:
                found = price
        return found

    def most(self, prompt: int) -> int:
        """Return the dearest price that a call with ``prompt`` tokens or fewer can have."""
        return max([self.base, *(price for start, price in self.above if prompt > start)])

    @property
    def free(self) -> bool:
        """Whether nothing would ever be counted."""
        return self.most(1 << 62) == 0


def dearest(first: Rate, second: Rate | None) -> Rate:
    """Return the rate that is never below either."""
    if second is None:
        return first
    starts = sorted({start for rate in (first, second) for start, _ in rate.above})
    return Rate(
        max(first.base, second.base),
        tuple((start, max(first.at(start + 1), second.at(start + 1))) for start in starts),
    )


def pico(dollars: Decimal, each: int) -> int:
    """Return whole pico-dollars, rounded up: a price is never made lower than it is."""
    return int((dollars * each).to_integral_value(rounding=ROUND_CEILING))


def nano(money: int) -> int:
    """Return nano-dollars of pico-dollars, rounded up."""
    return -(-money // PICO_PER_NANO)
