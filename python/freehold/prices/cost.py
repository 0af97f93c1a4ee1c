"""What one call costs, in whole nano-dollars, never less than the provider will ask for.

One call at a time: the price of a token depends on the length of the very prompt that it is in, so a day's tokens
priced in one sum would trip the long-context prices that no call reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from freehold.errors import RefusedError
from freehold.prices.model import FIX, ModelPrices, Price
from freehold.prices.rate import dearest, nano

LONGEST_CALL = timedelta(days=1)
"""A reservation holds for prices that begin while the call runs; no provider lets one run for a day."""


class Tokens(Protocol):
    """What a provider's answer says, as :class:`freehold.gateway.usage.Usage` does; ``prompt`` includes ``cached``."""

    @property
    def prompt(self) -> int: ...  # noqa: D102  the class says it
    @property
    def cached(self) -> int: ...  # noqa: D102
    @property
    def completion(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Counts:
    """The tokens of one call. ``prompt`` includes ``cached`` and both kinds of ``written``.

    ``written`` is none where the answer does not tell what was put into the provider's cache: then all of the prompt
    that was not read from it has the dearest price. ``media`` says that the prompt holds more than text.
    """

    prompt: int
    completion: int
    cached: int = 0
    written: int | None = None
    written_hour: int = 0
    media: bool = False

    @classmethod
    def of(cls, usage: Tokens, *, written: int | None = None, media: bool = False) -> Counts:
        """Take the numbers of an answer."""
        return cls(usage.prompt, usage.completion, usage.cached, written, media=media)


def cost(prices: ModelPrices, counts: Counts, began: datetime, ended: datetime | None = None) -> int:
    """Return nano-dollars. Where a new price began during the call, the dearer one counts.

    Raises ``PRICE_UNKNOWN`` or ``PRICE_BAD_USAGE``; who has a reservation then lets it stand as the cost.
    """
    _check(prices, counts)
    moments = [began] if ended is None else [began, ended]
    return nano(max(_of(prices, prices.at(moment), counts) for moment in moments))


def worst_case(
    prices: ModelPrices,
    at: datetime,
    *,
    prompt: int,
    completion: int,
    choices: int = 1,
    media: bool = False,
) -> int:
    """Return nano-dollars that a call begun ``at`` cannot exceed: nothing cached, the dearest step within reach.

    ``prompt`` is a bound (see :mod:`freehold.prices.bound`), ``completion`` what the request limits each of its
    ``choices`` to.
    """
    counts = Counts(prompt, completion * choices, media=media)
    _check(prices, counts)
    return nano(max(_most(prices, price, counts) for price in prices.between(at, at + LONGEST_CALL)))


def _of(prices: ModelPrices, price: Price, counts: Counts) -> int:
    written = price.written or price.input
    hour = price.written_hour or written
    plain = dearest(price.input, price.media) if counts.media else price.input
    if counts.written is None:
        plain = dearest(dearest(plain, written), hour)
    parts = (
        (plain, counts.prompt - counts.cached - (counts.written or 0) - counts.written_hour),
        (price.cached or price.input, counts.cached),
        (written, counts.written or 0),
        (hour, counts.written_hour),
    )
    prompt = sum(rate.at(counts.prompt) * tokens for rate, tokens in parts)
    return prompt + _output(prices, price, counts.prompt, counts.completion) + price.request


def _most(prices: ModelPrices, price: Price, counts: Counts) -> int:
    rates = [price.input, price.cached, price.written, price.written_hour, price.media if counts.media else None]
    dear = max(rate.most(counts.prompt) for rate in rates if rate is not None)
    return dear * counts.prompt + _output(prices, price, counts.prompt, counts.completion, most=True) + price.request


def _output(prices: ModelPrices, price: Price, prompt: int, tokens: int, *, most: bool = False) -> int:
    if not tokens:
        return 0
    if price.output is None:
        raise RefusedError(
            "PRICE_UNKNOWN",
            f"{prices.provider} {prices.model}",
            "no price for what the model writes",
            expected="a price for input and output",
            why="a call without a price would not be counted against the cap",
            fix=FIX,
        )
    return (price.output.most(prompt) if most else price.output.at(prompt)) * tokens


def _check(prices: ModelPrices, counts: Counts) -> None:
    numbers = (counts.prompt, counts.completion, counts.cached, counts.written or 0, counts.written_hour)
    inside = counts.cached + (counts.written or 0) + counts.written_hour
    if min(numbers) >= 0 and inside <= counts.prompt:
        return
    raise RefusedError(
        "PRICE_BAD_USAGE",
        f"{prices.provider} {prices.model}",
        f"prompt {counts.prompt}, of it cached and written {inside}, completion {counts.completion}",
        expected="no number below zero, and no more cached or written than the prompt has",
        why="a sum made of these could be less than what was used",
        fix="none is needed: the reservation stands as the cost of this call",
    )
