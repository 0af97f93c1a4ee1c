"""What a provider says that it counted. Exact or nothing: a number that is missing is never guessed to be zero."""

from __future__ import annotations

from typing import Any

from freehold.gateway.frontier.outgoing import MESSAGES, RESPONSES
from freehold.ledger.caps import MOST_TOKENS
from freehold.prices.cost import Counts

Json = dict[str, Any]


def counts_of(path: str, answer: Json, *, media: bool = False) -> Counts | None:
    """Read ``usage`` of a whole answer; none where it is not there or is no count."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    try:
        found = _of_messages(usage) if path == MESSAGES else _of_openai(path, usage)
    except (TypeError, ValueError):
        return None
    return Counts(*found, media=media)


def _of_openai(path: str, usage: Json) -> tuple[int, int, int, int | None, int]:
    """``cached`` is part of the prompt; what is written into the cache costs nothing more, so it is not told."""
    read, wrote = ("input_tokens", "output_tokens") if path == RESPONSES else ("prompt_tokens", "completion_tokens")
    details = usage.get(f"{read}_details")
    cached = _count(details, "cached_tokens", 0) if isinstance(details, dict) else 0
    return _prompt(usage, read), _count(usage, wrote, 0 if "embeddings" in path else None), cached, None, 0


def _of_messages(usage: Json) -> tuple[int, int, int, int | None, int]:
    """Anthropic tells the cached parts apart from ``input_tokens``, and of what was written how long it is kept."""
    cached, written = _count(usage, "cache_read_input_tokens", 0), _count(usage, "cache_creation_input_tokens", 0)
    kept = usage.get("cache_creation")
    hour = _count(kept, "ephemeral_1h_input_tokens", 0) if isinstance(kept, dict) else written  # not told: the dearest
    if hour > written:
        raise ValueError("more was kept for an hour than was written")
    prompt = _count(usage, "input_tokens") + cached + written
    if not prompt:
        raise ValueError("nothing was read")
    return prompt, _count(usage, "output_tokens"), cached, written - hour, hour


def _prompt(usage: Json, name: str) -> int:
    found = _count(usage, name)
    if not found:
        raise ValueError("nothing was read")
    return found


def _count(parent: Json, name: str, missing: int | None = None) -> int:
    value = parent.get(name)
    value = missing if value is None else value
    if type(value) is not int or not 0 <= value <= MOST_TOKENS:
        raise ValueError(name)
    return value
