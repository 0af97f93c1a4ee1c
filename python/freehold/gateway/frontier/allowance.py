"""Where a gateway gets leave to spend when it is not the authority itself."""

from __future__ import annotations

from typing import Protocol

from freehold.ledger.caps import Amount


class Allowance(Protocol):
    """The authority, as this gateway can ask it."""

    async def obtain(self, key_id: str, worst: Amount) -> bool:
        """Try to hold a lease that covers ``worst`` for this key; false where the authority says no or does not answer.

        Bounded by a few seconds; concurrent calls of one key share one question. Never raises for a network's fault.
        """


class Nobody:
    """There is nobody to ask: the authority itself needs no lease, and a follower without one spends nothing."""

    async def obtain(self, key_id: str, worst: Amount) -> bool:
        """Say no."""
        del key_id, worst
        return False
