"""Cost of a million tokens over a measured window: hardware by straight line, energy by the counter.

Source of the method: purchase price over its years of use, plus measured energy times power usage effectiveness (PUE)
times tariff. Nothing is counted for staff, network, rack or capital; the inputs are printed beside every result.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SECONDS_PER_YEAR = 365.25 * 24 * 3600
JOULES_PER_KWH = 3.6e6
MILLION = 1_000_000
MINIMUM_WINDOW_SECONDS = 10.0
"""Energy over less is not priced: GPUs renew the counter in steps (arXiv 2312.02741), and the exporter samples it."""


@dataclass(frozen=True)
class Prices:
    """What the owner declares. Money in ``currency``; ``electricity_per_kwh`` at the meter, before PUE."""

    currency: str
    electricity_per_kwh: float
    node_purchase: float
    years: float
    pue: float


@dataclass(frozen=True)
class Window:
    """What was measured: seconds, joules of the GPUs, tokens in and out."""

    seconds: float
    joules: float
    prompt_tokens: int
    completion_tokens: int

    @property
    def tokens(self) -> int:
        """Tokens of both directions."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class TokenCost:
    """Per million tokens, both directions together; ``None`` where it is not known, never zero or infinity.

    Not known is: anything per token where none was counted, and energy over a window that is too short for its counter.
    """

    hardware: float
    energy: float | None
    hardware_per_million: float | None
    energy_per_million: float | None
    total_per_million: float | None
    joules_per_token: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON types."""
        return asdict(self)


def token_cost(window: Window, prices: Prices, nodes: int) -> TokenCost:
    """Price ``window`` for ``nodes`` nodes. The hardware costs the same whether it works or idles."""
    hardware = nodes * prices.node_purchase * window.seconds / (prices.years * SECONDS_PER_YEAR)
    joules = window.joules if window.seconds >= MINIMUM_WINDOW_SECONDS else None
    energy = None if joules is None else joules / JOULES_PER_KWH * prices.pue * prices.electricity_per_kwh
    return TokenCost(
        hardware=hardware,
        energy=energy,
        hardware_per_million=_per_million(hardware, window.tokens),
        energy_per_million=_per_million(energy, window.tokens),
        total_per_million=None if energy is None else _per_million(hardware + energy, window.tokens),
        joules_per_token=joules / window.tokens if joules is not None and window.tokens else None,
    )


def _per_million(money: float | None, tokens: int) -> float | None:
    return money / tokens * MILLION if money is not None and tokens else None
