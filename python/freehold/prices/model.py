"""The prices of one model over time, and which of them is in force when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from freehold.errors import RefusedError
from freehold.prices.rate import Rate

FIX = "add this model to `prices` of the fleet document with the price of your contract, and the date it begins"


@dataclass(frozen=True, slots=True)
class Price:
    """What each kind of token costs, and a request by itself (pico-dollars); none is "as the line above says".

    ``input`` is the prompt; ``cached`` its part read from the provider's cache; ``written`` and ``written_hour`` its
    parts put there for some minutes and for an hour; ``media`` prompts with images; ``output`` is none for models
    that make no text. ``starts`` is a UTC date, ``daily`` a UTC interval (it may pass midnight), both none for always.
    """

    input: Rate
    output: Rate | None
    cached: Rate | None = None
    written: Rate | None = None
    written_hour: Rate | None = None
    media: Rate | None = None
    request: int = 0
    starts: date | None = None
    daily: tuple[time, time] | None = None
    source: str = ""

    def active(self, moment: datetime) -> bool:
        """Tell whether this price is in force at ``moment``, which must know its zone."""
        if moment.tzinfo is None:
            raise ValueError("a moment without a time zone has no price")
        utc = moment.astimezone(UTC)
        return (self.starts is None or self.starts <= utc.date()) and _inside(self.daily, utc.time())


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """All prices of one model; of those in force the last one counts."""

    provider: str
    model: str
    prices: tuple[Price, ...]

    def at(self, moment: datetime) -> Price:
        """Return the price at ``moment``. Raises ``PRICE_NOT_YET`` before the first one begins."""
        for price in reversed(self.prices):
            if price.active(moment):
                return price
        raise RefusedError(
            "PRICE_NOT_YET",
            f"{self.provider} {self.model}",
            f"no price on {moment.date().isoformat()}",
            expected=f"a price from {min(price.starts or date.max for price in self.prices).isoformat()} or earlier",
            why="a call without a price would not be counted against the cap",
            fix=FIX,
        )

    def between(self, begin: datetime, end: datetime) -> Iterator[Price]:
        """Yield every price that may be in force at some time from ``begin`` to ``end``; hours of a day all count."""
        self.at(begin)
        for price in reversed(self.prices):
            if price.starts is None or price.starts <= end.astimezone(UTC).date():
                yield price
                if price.daily is None and (price.starts is None or price.starts <= begin.astimezone(UTC).date()):
                    return


def _inside(daily: tuple[time, time] | None, now: time) -> bool:
    if daily is None:
        return True
    start, end = daily
    return start <= now < end if start <= end else now >= start or now < end
