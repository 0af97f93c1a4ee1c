"""Each key's own limits on this node, in memory: requests a minute, requests at once, tokens a day.

Tokens are reserved as the worst case when a request starts and settled as what they were when it ends, so that no crowd
of requests passes a limit together. A day is one of UTC by the ledger's clock; at the start it begins with what the
ledger has of it. All calls come from one thread. Nothing here waits or writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from freehold.ledger.key_records import KeyLimits
from freehold.ledger.periods import MINUTE_MS, SECOND_MS, day, next_day_ms

REQUESTS, CONCURRENT, TOKENS = "requests_per_minute", "concurrent", "tokens_per_day"


@dataclass(frozen=True, slots=True)
class OverQuota:
    """Which limit said no, what of it is left, and in how many ms it is worth asking again."""

    limit: str
    allowed: int
    left: int
    retry_ms: int

    @property
    def never(self) -> bool:
        """Tell whether waiting cannot help: the request alone is over the limit."""
        return self.retry_ms < 0


@dataclass(slots=True)
class Ticket:
    """A request that was let in; give it back with :meth:`Quota.settle`. ``day`` and ``at_ms`` are its beginning."""

    key_id: str
    at_ms: int
    day: int
    worst: int
    open: bool = True


@dataclass(slots=True)
class _Key:
    day: int
    tokens: int = 0  # settled and reserved
    open: int = 0
    elsewhere: int = 0
    minute: deque[int] = field(default_factory=deque)


class Quota:
    """The limits of all keys. ``now_ms`` is the ledger's clock."""

    def __init__(self, now_ms: Callable[[], int], primed: Mapping[str, int] | None = None) -> None:
        self._now = now_ms
        today = day(now_ms())
        self._keys = {key: _Key(today, tokens=tokens) for key, tokens in (primed or {}).items()}

    def start(self, key_id: str, limits: KeyLimits, worst_tokens: int) -> Ticket | OverQuota:
        """Let a request in that may use up to ``worst_tokens``, or say why not; a refusal costs the key nothing."""
        if worst_tokens < 0:
            raise ValueError(worst_tokens)
        now = self._now()
        state = self._of(key_id, now)
        over = _requests(state, limits, now) or _concurrent(state, limits) or _tokens(state, limits, worst_tokens, now)
        if over is not None:
            return over
        state.open += 1
        state.tokens += worst_tokens
        if limits.requests_per_minute is not None:
            state.minute.append(now)
        return Ticket(key_id, now, state.day, worst_tokens)

    def settle(self, ticket: Ticket, tokens: int) -> None:
        """End a request, once, with what it really used; that counts for the day on which it began."""
        if not ticket.open or tokens < 0:
            raise ValueError(f"{ticket}, {tokens} tokens")
        ticket.open = False
        state = self._of(ticket.key_id, self._now())
        state.open -= 1
        if state.day == ticket.day:
            state.tokens += tokens - ticket.worst

    def set_elsewhere(self, key_id: str, at_day: int, tokens: int) -> None:
        """Take into account what a key used on other nodes on ``at_day``, as the authority told it last.

        It may be less than before: what was reserved there has settled since. Messages must come in their order.
        """
        state = self._of(key_id, self._now())
        if state.day == at_day:
            state.elsewhere = tokens

    def here(self) -> tuple[int, dict[str, int]]:
        """The day, and the tokens of each key on it, settled and reserved on this node; none for those without any."""
        today = day(self._now())
        return today, {key: one.tokens for key, one in self._keys.items() if one.day == today and one.tokens > 0}

    def used(self, key_id: str) -> int:
        """Tokens of this day, settled and reserved, here and elsewhere."""
        state = self._of(key_id, self._now())
        return state.tokens + state.elsewhere

    def open_requests(self, key_id: str) -> int:
        """Requests of this key that have not ended."""
        return self._of(key_id, self._now()).open

    def _of(self, key_id: str, now: int) -> _Key:
        today = day(now)
        state = self._keys.get(key_id)
        if state is None:
            state = self._keys[key_id] = _Key(today)
        elif state.day < today:
            state.day, state.tokens, state.elsewhere = today, 0, 0
        return state


def _requests(state: _Key, limits: KeyLimits, now: int) -> OverQuota | None:
    allowed = limits.requests_per_minute
    if allowed is None:
        return None
    minute = state.minute
    while minute and minute[0] <= now - MINUTE_MS:
        minute.popleft()
    if len(minute) < allowed:
        return None
    return OverQuota(REQUESTS, allowed, 0, minute[len(minute) - allowed] + MINUTE_MS - now if allowed else -1)


def _concurrent(state: _Key, limits: KeyLimits) -> OverQuota | None:
    allowed = limits.concurrent
    if allowed is None or state.open < allowed:
        return None
    return OverQuota(CONCURRENT, allowed, 0, SECOND_MS if allowed else -1)


def _tokens(state: _Key, limits: KeyLimits, worst: int, now: int) -> OverQuota | None:
    allowed = limits.tokens_per_day
    if allowed is None or state.tokens + state.elsewhere + worst <= allowed:
        return None
    left = max(0, allowed - state.tokens - state.elsewhere)
    return OverQuota(TOKENS, allowed, left, next_day_ms(now) - now if worst <= allowed else -1)
