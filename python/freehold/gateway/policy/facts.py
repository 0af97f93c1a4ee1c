"""What a decision is made of. Every field may be unknown (none); what is unknown never lets a request leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from freehold.gateway.policy.reasons import Otherwise

HEADER = "x-freehold-frontier"
ALLOW = "allow"


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
