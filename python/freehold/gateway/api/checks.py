"""What the protocols' checks are made of. Each raises a refusal (400) that names the field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freehold.gateway.api.base import MAXIMUM_TOKENS, ApiLimits, Json
from freehold.gateway.api.images import Pictures
from freehold.gateway.api.refused import refuse_fields
from freehold.gateway.refusals import RefusalError, malformed

MAXIMUM_CHOICES = 128
"""OpenAI's own limit of ``n``."""

MAXIMUM_LOGPROBS = 20
"""OpenAI's own; vLLM would take -1 for the whole vocabulary."""

MAXIMUM_TOP_K = 1_000_000
NUMBERS = ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty")


def common(body: Json) -> None:
    """What all paths have in common."""
    refuse_fields(body)
    if not isinstance(body.get("model"), str):
        raise malformed("model must be a string.", param="model")
    boolean(body, "stream")
    for name in NUMBERS:
        number(body, name)
    integer(body, "top_k", -1, MAXIMUM_TOP_K)


def tokens(body: Json, *names: str) -> None:
    """Each of ``names``, where given, is a sane number of tokens to write."""
    for name in names:
        integer(body, name, 1, MAXIMUM_TOKENS)
    integer(body, "min_tokens", 0, MAXIMUM_TOKENS)


def choices(body: Json) -> None:
    """``n`` and ``best_of``, and what is told of each token."""
    integer(body, "n", 1, MAXIMUM_CHOICES)
    integer(body, "best_of", 1, MAXIMUM_CHOICES)
    integer(body, "top_logprobs", 0, MAXIMUM_LOGPROBS)


def boolean(body: Json, name: str) -> None:
    """``name`` is true, false or not there."""
    if not isinstance(body.get(name), bool | None):
        raise malformed(f"{name} must be true or false.", param=name)


def integer(body: Json, name: str, least: int, most: int) -> None:
    """``name`` is a whole number in a range, or not there. ``true`` is none, nor is ``3.0``."""
    value = body.get(name)
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise malformed(f"{name} must be an integer from {least} to {most}.", param=name)


def number(body: Json, name: str) -> None:
    """``name`` is a number or not there."""
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise malformed(f"{name} must be a number.", param=name)


def mapping(body: Json, name: str) -> Json:
    """``name`` is an object; returns it, empty where it is not there."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise malformed(f"{name} must be an object.", param=name)
    return value


def objects(body: Json, name: str) -> list[Json]:
    """``name`` is a list of objects; returns it, empty where it is not there."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise malformed(f"{name} must be a list of objects.", param=name)
    return value


def texts(body: Json, name: str) -> None:
    """``name`` is a string, a list of strings, or not there."""
    value = body.get(name)
    if not (value is None or isinstance(value, str) or _all_of(value, str)):
        raise malformed(f"{name} must be a string or a list of strings.", param=name)


def messages(body: Json, limits: ApiLimits, roles: Iterable[str]) -> None:
    """``messages`` is a list of messages, not empty, whose pictures may be read."""
    listed = objects(body, "messages")
    if not listed:
        raise malformed("messages must be a list with at least one message.", param="messages")
    pictures, allowed = Pictures(limits), tuple(roles)
    for place, message in enumerate(listed):
        where = f"messages[{place}]"
        if message.get("role") not in allowed:
            raise malformed(f"{where}.role must be one of {', '.join(allowed)}.", param=f"{where}.role")
        content(message.get("content"), f"{where}.content", pictures)


def content(value: Any, where: str, pictures: Pictures) -> None:
    """What a message says is a string, a list of parts, or nothing."""
    if value is None or isinstance(value, str):
        return
    if not isinstance(value, list):
        raise malformed(f"{where} must be a string or a list of parts.", param=where)
    for place, part in enumerate(value):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise malformed(f"{where}[{place}] must be an object with a type.", param=f"{where}[{place}]")
        pictures.judge(part, f"{where}[{place}]")
        if part["type"] == "tool_result":
            content(part.get("content"), f"{where}[{place}].content", pictures)


def prompt(body: Json, name: str, most: int) -> None:
    """``name`` is one text or several, or the same in tokens; none is empty."""
    value = body.get(name)
    if isinstance(value, str) and value:
        return
    if isinstance(value, list) and value and (_all_of(value, int) or _is_several(value, most)):
        return
    raise malformed(f"{name} must be a text, or a list of at most {most} texts, none of them empty.", param=name)


def _is_several(value: list[Any], most: int) -> bool:
    return len(value) <= most and all((isinstance(one, str) and one) or (_all_of(one, int) and one) for one in value)


def _all_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) and not isinstance(one, bool) for one in value)


def uncountable(param: str) -> RefusalError:
    """400: an engine that tells the tokens of the first choice only was asked for several (seen in 2026.10)."""
    text = "The engine of this model counts the tokens of one choice only: ask for one, several times."
    return malformed(text, reason="uncountable", param=param)
