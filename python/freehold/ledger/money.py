"""Money as the ledger has it: whole nano-USD."""

from __future__ import annotations

from decimal import Decimal

NANO = 10**9


def nano_usd(usd: float) -> int:
    """Dollars, as a person wrote them, in nano-USD; rounded down, for a cap is never more than it says."""
    return int(Decimal(str(usd)) * NANO)
