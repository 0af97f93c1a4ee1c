"""What a decision is made of. Every field may be unknown (none); what is unknown never lets a request leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from freehold.gateway.policy.reasons import Otherwise

HEADER = "x-freehold-frontier"
ALLOW = "allow"
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """One request. ``header`` is the value of ``x-freehold-frontier``, none where it is not sent.

    ``tokens`` and ``nano_usd`` are the most that it can use (:mod:`freehold.prices`), none where nobody can tell.
    """

    model: str
    header: str | None = None
    tokens: int | None = None
    nano_usd: int | None = None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The caller."""

    name: str
    frontier: bool | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """A frontier provider and the model's name there."""

    name: str
    model: str


@dataclass(frozen=True, slots=True)
class RouteRule:
    """What the owner says of a model's name.

    ``local`` is the model that serves it here; ``provider`` whom else could be asked. ``by_name``: to name this model
    is to ask for the frontier. ``always``: the owner's own rule asks for it.
    """

    name: str
    local: str | None = None
    provider: Provider | None = None
    by_name: bool = False
    always: bool = False
    otherwise: Otherwise = Otherwise.REFUSE


class CapsState(Protocol):
    """The state of money, share, ledger and provider when the decision is made."""

    @property
    def clock_steady(self) -> bool | None:
        """Whether the clock runs without steps."""

    @property
    def ledger_writable(self) -> bool | None:
        """Whether a reservation can be committed."""

    @property
    def lease_held(self) -> bool | None:
        """Whether this gateway holds a lease that has not run out."""

    @property
    def provider_up(self) -> bool | None:
        """Whether the breaker of the route's provider lets a request through."""

    def share_holds(self, tokens: int) -> bool | None:
        """Tell whether ``tokens`` more at the frontier keep its share within the cap."""

    def money_holds(self, nano_usd: int) -> bool | None:
        """Tell whether ``nano_usd`` more keep the fleet and the key within their caps."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The plain form of :class:`CapsState`: numbers, none where one could not be read.

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
