"""A request's body as it is judged: JSON of a bounded depth, each key once, and what goes on reads the same."""

from __future__ import annotations

import json
import re
from typing import Any

from freehold.gateway.refusals import RefusalError, malformed

MAXIMUM_DEPTH = 64
"""A JSON schema of a tool nests perhaps 20 deep; recursive parsers behind us crash at some thousands."""

MAXIMUM_CONTAINERS = 50_000
"""Python parses this many lists and objects in about 10 ms, during which nobody else is served."""

STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


def parse(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in ``raw``. Raises a refusal (400)."""
    _refuse_crowd(raw)
    try:
        body = DECODER.decode(raw.decode())
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise malformed("The body is not JSON in UTF-8.") from error
    if not isinstance(body, dict):
        raise malformed("The body must be a JSON object.")
    _refuse_depth(body)
    return body


def dump(body: dict[str, Any]) -> bytes:
    """Return the JSON that goes to a runtime: made anew, so that it reads exactly what was judged here."""
    try:
        return ENCODER.encode(body).encode()
    except ValueError as error:
        raise malformed("A number in the body is out of range.") from error


def _refuse_crowd(raw: bytes) -> None:
    # Brackets in prompts count too, so the exact number is only looked for where the quick one is suspicious.
    if _brackets(raw) > MAXIMUM_CONTAINERS and _brackets(STRING.sub(b"", raw)) > MAXIMUM_CONTAINERS:
        raise malformed(f"The body may have at most {MAXIMUM_CONTAINERS} lists and objects.", reason="too_complex")


def _brackets(raw: bytes) -> int:
    return raw.count(b"[") + raw.count(b"{")


def _refuse_depth(body: dict[str, Any]) -> None:
    level: list[Any] = [body]
    for _ in range(MAXIMUM_DEPTH):
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        if not level:
            return
    raise _too_deep()


def _children(parent: Any) -> Any:
    return parent.values() if isinstance(parent, dict) else parent


def _too_deep() -> RefusalError:
    return malformed(f"The body may nest at most {MAXIMUM_DEPTH} deep.", reason="too_complex")


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise malformed("A field of the body's JSON is there more than once.", reason="duplicate_field")
    return made


ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
DECODER = json.JSONDecoder(object_pairs_hook=_once_each, parse_constant=_no_constant)
"""Parsers differ in which of two equal keys they believe: what was judged would not be what is served. Measured on
2026-11-21 (tests/bench/stream_meter.py prints it anew): the hook costs 2 of 6 microseconds on a short chat, 0.13 of
0.55 ms on an agent's 167 kB with 25 tools. Looking for repeated keys in the bytes first, to parse with a hook only
where there may be some, took longer than the hook. orjson and msgspec would save 7 microseconds a short request,
reading and writing together, and cannot refuse a repeated key."""
