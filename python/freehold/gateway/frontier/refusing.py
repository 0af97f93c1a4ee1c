"""A request that should have left and did not, said to its client: why, which rule, and whether to come again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from freehold.gateway.policy.reasons import MEANING, Reason
from freehold.gateway.policy.rule import Finding
from freehold.gateway.refusals import INVALID, Headers, RefusalError

FORBIDDEN, TOO_MUCH, BAD_GATEWAY, LATER = 403, 429, 502, 503
SERVER_ERROR = 500
STATUS = {
    Reason.KEY_MAY_NOT: FORBIDDEN,
    Reason.NO_PROVIDER: 400,
    Reason.RULE_FOUND: FORBIDDEN,
    Reason.PRICE_UNKNOWN: FORBIDDEN,
    Reason.SHARE_CAP: TOO_MUCH,
    Reason.MONEY_CAP: TOO_MUCH,
}
"""Everything else is a state that passes: 503."""

WORTH_WAITING = 60.0
"""Seconds. The clients' SDKs wait no longer than this for ``retry-after``, and then come all the same."""

LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Miss:
    """Why nobody at the frontier answered. ``wait``: seconds after which it may be otherwise, none where unknown."""

    reason: Reason
    wait: float | None = None
    status: int = 0
    findings: tuple[Finding, ...] = ()


def refusal(miss: Miss) -> RefusalError:
    """The client's answer."""
    status = miss.status or STATUS.get(miss.reason, LATER)
    message = f"This request was to leave for a frontier provider and is refused. {MEANING[miss.reason]}"
    code = f"frontier_{miss.reason.value}"
    return RefusalError(
        status, code, f"{message}{_rules(miss.findings)}.", _type(status), code, headers=_wait(status, miss.wait)
    )


def declined(provider: str, status: int, words: str) -> RefusalError:
    """The provider's own no to what the client asked for; ``words`` are the provider's."""
    said = f": {words[:LONGEST_WORDS]}" if words else "."
    return RefusalError(status, "frontier_declined", f"The provider {provider} refused this request ({status}){said}")


def broken(provider: str) -> RefusalError:
    """Said in the stream: 200 has been sent by then."""
    text = f"The provider {provider} stopped in the middle of this answer. Send the request again."
    return RefusalError(LATER, "frontier_broken", text, type="server_error", code="stream_broken")


def _rules(findings: Sequence[Finding]) -> str:
    # Rules and places; the text that was found is nobody's to repeat.
    return f" ({', '.join(sorted({f'{one.rule} at {one.where}' for one in findings}))})" if findings else ""


def _type(status: int) -> str:
    if status == TOO_MUCH:
        return "rate_limit_error"
    return "server_error" if status >= SERVER_ERROR else INVALID


def _wait(status: int, seconds: float | None) -> Headers:
    if status not in (TOO_MUCH, LATER):
        return ()
    if seconds is None and status == LATER:
        seconds = 1.0
    told: Headers = ((b"retry-after", str(max(1, ceil(seconds))).encode()),) if seconds is not None else ()
    # Both makers' SDKs obey this header (openai 3.54, anthropic 2.12, their _base_client.py).
    return told if seconds is not None and seconds <= WORTH_WAITING else (*told, (b"x-should-retry", b"false"))
