"""What the turns of one conversation have in common: it decides where the cache is warm.

That is the beginning up to the first message of the user's. Later turns only add to it, so they hash alike; more of
the text would send each turn elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

CHARACTERS = 2048
"""So much of each part tells two conversations apart."""

TEXTS = 16
"""Parts of one message that are looked at."""


def of(model: str, body: dict[str, Any]) -> bytes:
    """A digest of model and beginning, 16 bytes; empty where the request has no text to keep."""
    parts = [*_texts(body.get("system")), *_texts(body.get("instructions")), *_texts(body.get("prompt"))]
    for message in _beginning(body.get("messages", body.get("input"))):
        parts += _texts(message)
    if not parts:
        return b""
    text = "\0".join([model, *parts]).encode("utf-8", "replace")
    return hashlib.blake2b(text, digest_size=16).digest()


def _beginning(messages: Any) -> Iterator[Any]:
    """Messages up to the first of the user's; a text alone is one."""
    for message in messages if isinstance(messages, list) else [messages]:
        yield message
        if isinstance(message, dict) and message.get("role") == "user":
            return


def _texts(value: Any) -> list[str]:
    return [text[:CHARACTERS] for text in islice(_all_texts(value), TEXTS)]


def _all_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _all_texts(one)
    elif isinstance(value, dict):
        yield from _all_texts(value.get("content"))
        yield from _all_texts(value.get("text"))
