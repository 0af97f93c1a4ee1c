"""How things stand, for a decision: what the gateway reads from its ledger, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Caps:
    """A state of caps made of numbers, none where one could not be read.

    Tokens are those of the share's rolling window, reservations included; ``share_ppm`` is parts of a million. Money is
    nano-dollars, spent and reserved together, against the cap of the fleet and of the key.
    """

    clock_steady: bool | None = None
    ledger_writable: bool | None = None
    lease_held: bool | None = None
    provider_up: bool | None = None
    frontier_tokens: int | None = None
    all_tokens: int | None = None
    share_ppm: int | None = None
    used_nano_usd: int | None = None
    cap_nano_usd: int | None = None
    key_used_nano_usd: int | None = None
    key_cap_nano_usd: int | None = None

    def share_holds(self, tokens: int) -> bool | None:
        """Compare without division: the share that the window would have with this request in it."""
        if self.frontier_tokens is None or self.all_tokens is None or self.share_ppm is None:
            return None
        return (self.frontier_tokens + tokens) * MILLION <= self.share_ppm * (self.all_tokens + tokens)

    def money_holds(self, nano_usd: int) -> bool | None:
        """Compare what would be spent and reserved with both caps."""
        fleet = _within(self.used_nano_usd, nano_usd, self.cap_nano_usd)
        key = _within(self.key_used_nano_usd, nano_usd, self.key_cap_nano_usd)
        return None if fleet is None or key is None else fleet and key


def _within(used: int | None, more: int, cap: int | None) -> bool | None:
    return None if used is None or cap is None else used + more <= cap
