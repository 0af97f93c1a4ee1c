"""Reading what engines say of tokens. Shapes: recorded in tests/data/gateway from llama.cpp 2026.10 and vLLM 0.32."""

from __future__ import annotations

from typing import Any

from freehold.gateway.usage import Usage

Json = dict[str, Any]


def of_openai(answer: Json) -> Usage | None:
    """Chat, completions and embeddings: ``prompt_tokens`` includes ``prompt_tokens_details.cached_tokens``.

    vLLM leaves the details out unless it runs with ``--enable-prompt-tokens-details``.
    """
    usage = _object(answer, "usage")
    if usage is None:
        return None
    cached = _number(_object(usage, "prompt_tokens_details") or {}, "cached_tokens")
    return Usage(_number(usage, "prompt_tokens"), cached, _number(usage, "completion_tokens"))


def of_responses(answer: Json) -> Usage | None:
    """Responses: ``input_tokens`` includes ``input_tokens_details.cached_tokens``."""
    usage = _object(answer, "usage")
    if usage is None:
        return None
    cached = _number(_object(usage, "input_tokens_details") or {}, "cached_tokens")
    return Usage(_number(usage, "input_tokens"), cached, _number(usage, "output_tokens"))


def of_anthropic(answer: Json) -> Usage | None:
    """Messages: ``input_tokens`` excludes what was read from the cache or written to it."""
    usage = _object(answer, "usage")
    if usage is None:
        return None
    cached = _number(usage, "cache_read_input_tokens")
    fresh = _number(usage, "input_tokens") + _number(usage, "cache_creation_input_tokens")
    return Usage(fresh + cached, cached, _number(usage, "output_tokens"))


def of_timings(timings: Json) -> Usage:
    """llama.cpp's ``timings``: the cached and the computed part of the prompt, and what is written so far."""
    cached = _number(timings, "cache_n")
    return Usage(cached + _number(timings, "prompt_n"), cached, _number(timings, "predicted_n"))


def _object(parent: Json, name: str) -> Json | None:
    value = parent.get(name)
    return value if isinstance(value, dict) else None


def _number(parent: Json, name: str) -> int:
    value = parent.get(name)
    return int(value) if isinstance(value, int | float) else 0
