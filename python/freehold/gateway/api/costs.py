"""The most that a request can cost, for a reservation that is made before it is sent."""

from __future__ import annotations

import json
from typing import Any

from freehold.gateway.api.base import MAXIMUM_TOKENS, Json
from freehold.gateway.usage import Usage

TOOL_PREAMBLE = 1024
"""Providers put words of their own before tools; Anthropic's documentation tells 159 to 804 tokens (read 2026-11)."""


ENCODER = json.JSONEncoder(ensure_ascii=False)
"""Made once: ``json.dumps`` makes one at each call that asks for anything but its defaults."""


def worst_case(body: Json, context: int, *limits: str, several: int = 1) -> Usage:
    """Return an upper bound. ``limits`` are the fields that bound what is written; ``several`` the prompts in one.

    A token is at least one byte of UTF-8, so a body's bytes bound the tokens of its text; a picture's tokens have
    nothing to do with its bytes, so with one the context is the bound.
    """
    bound = context or MAXIMUM_TOKENS
    size = _bytes(body)
    prompt = bound if _has_picture(body) else size + TOOL_PREAMBLE * bool(body.get("tools"))
    asked = [body[name] for name in limits if isinstance(body.get(name), int)]
    completion = min([bound, *asked]) if limits else 0
    times = several * max(_number(body, "n"), _number(body, "best_of"))
    return Usage(prompt=min(prompt, bound * several), completion=completion * times)


def _bytes(body: Json) -> int:
    text = ENCODER.encode(body)
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _number(body: Json, name: str) -> int:
    value = body.get(name)
    return value if isinstance(value, int) else 1


def _has_picture(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("type") in {"image", "image_url", "input_image"} or any(map(_has_picture, value.values()))
    return isinstance(value, list) and any(map(_has_picture, value))
