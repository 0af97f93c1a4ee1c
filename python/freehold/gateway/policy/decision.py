"""Whether a request leaves. A pure function: the same facts, the same decision, with all its reasons in order.

It leaves only if every condition is known to hold. Between the decision and the reservation another request may take
what was left of a cap, so the ledger compares once more when it commits; this function never replaces that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from freehold.gateway.policy.facts import ALLOW, CapsState, KeyFacts, RequestFacts, RouteRule
from freehold.gateway.policy.reasons import Asked, Otherwise, Outcome, Reason
from freehold.gateway.policy.rule import Finding


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition for leaving: whether it holds (none: not known), and the reason to give where it does not."""

    reason: Reason
    held: bool | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request, and why.

    ``model`` is who answers (here, or at ``provider``), none where nobody does. ``instead`` is true where the answer is
    a local one though the frontier was asked for, which the answer must say. ``reason`` is the first of ``stops``.
    """

    outcome: Outcome
    reason: Reason
    asked_for: str
    model: str | None = None
    provider: str | None = None
    asked: Asked | None = None
    instead: bool = False
    conditions: tuple[Condition, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def stops(self) -> tuple[Reason, ...]:
        """The conditions that do not hold or are not known to, in order."""
        return tuple(one.reason for one in self.conditions if one.held is not True)


def decide(
    request: RequestFacts | None,
    key: KeyFacts | None,
    route: RouteRule | None,
    caps: CapsState | None,
    findings: Sequence[Finding] | None,
) -> Decision:
    """Decide. None for an argument is "not known"; ``findings`` is none where nobody judged the body."""
    name = request.model if request else ""
    if request is None or route is None:
        return Decision(Outcome.REFUSED, Reason.UNKNOWN_MODEL, name)
    asked = _asked(request, route)
    conditions = tuple(_conditions(request, key, route, caps, findings))
    stops = [one.reason for one in conditions if one.held is not True]
    found = tuple(findings or ())
    if not stops and route.provider is not None:
        there = route.provider
        return Decision(
            Outcome.LEAVES, Reason.ALL_CONDITIONS_HELD, name, there.model, there.name, asked, conditions=conditions
        )
    return _stays(route, name, asked, conditions, found)


def _stays(
    route: RouteRule,
    name: str,
    asked: Asked | None,
    conditions: tuple[Condition, ...],
    findings: tuple[Finding, ...],
) -> Decision:
    """Answer here where the route has a model for it: always if nobody asked for more, else as the route says."""
    reason = next(one.reason for one in conditions if one.held is not True)
    if route.local and asked is None:
        return Decision(Outcome.LOCAL, Reason.LOCAL_MODEL, name, route.local, conditions=conditions, findings=findings)
    here = bool(route.local) and route.otherwise is Otherwise.ANSWER_LOCALLY
    return Decision(
        Outcome.LOCAL if here else Outcome.REFUSED,
        reason,
        name,
        route.local if here else None,
        asked=asked,
        instead=here,
        conditions=conditions,
        findings=findings,
    )


def _asked(request: RequestFacts, route: RouteRule) -> Asked | None:
    if not _not_forbidden(request):
        return None
    if route.by_name is True:
        return Asked.NAME
    if request.header == ALLOW:
        return Asked.HEADER
    return Asked.RULE if route.always is True else None


def _not_forbidden(request: RequestFacts) -> bool:
    return request.header in (None, ALLOW)


def _conditions(
    request: RequestFacts,
    key: KeyFacts | None,
    route: RouteRule,
    caps: CapsState | None,
    findings: Sequence[Finding] | None,
) -> Iterator[Condition]:
    """Yield all conditions in the order in which a person would ask."""
    asked = _asked(request, route)
    yield Condition(Reason.CALLER_FORBIDS, _not_forbidden(request))
    yield Condition(Reason.NOT_ASKED, asked is not None)
    yield Condition(Reason.KEY_MAY_NOT, key.frontier if key else None)
    yield Condition(
        Reason.NO_PROVIDER, route.provider is not None and bool(route.provider.name and route.provider.model)
    )
    yield Condition(Reason.RULE_FOUND, None if findings is None else not findings)
    yield Condition(Reason.PRICE_UNKNOWN, _known(request.nano_usd) and _known(request.tokens))
    yield Condition(Reason.CLOCK_STEPPED, caps.clock_steady if caps else None)
    yield Condition(Reason.LEDGER_NOT_WRITABLE, caps.ledger_writable if caps else None)
    yield Condition(Reason.NO_LEASE, caps.lease_held if caps else None)
    yield Condition(Reason.SHARE_CAP, _fits(caps.share_holds if caps else None, request.tokens))
    yield Condition(Reason.MONEY_CAP, _fits(caps.money_holds if caps else None, request.nano_usd))
    yield Condition(Reason.PROVIDER_DARK, caps.provider_up if caps else None)


def _known(number: int | None) -> bool:
    # A request that costs nothing at all is one whose price nobody knows.
    return number is not None and number > 0


def _fits(holds: Callable[[int], bool | None] | None, number: int | None) -> bool | None:
    return None if holds is None or number is None or not _known(number) else holds(number)
