"""Tells a secret from a word: by how mixed it is."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from freehold.gateway.policy.rule import Steps

CLASSES = tuple(re.compile(one) for one in (rb"[a-z]", rb"[A-Z]", rb"[0-9]", rb"[^a-zA-Z0-9]"))
LEAST_BITS = 2.75
"""Bits a character, Shannon. `Password1` has 2.9, eight random letters and digits 2.75 to 3, `aaaaaaa1` 0.5."""
CODE = re.compile(rb"[A-Za-z_][\w.:>-]*[(\[]|[$<{%*]|(?i:none|null|true|false|process\.env|os\.environ|\.\.\.)")
"""A call, a place for a value, or no value: code and templates say what a secret is called without telling it."""
NAME = re.compile(rb"[A-Za-z_]+(?:[._/:-][A-Za-z_]+)*[0-9]{0,2}")
"""Words, joined or followed by a number: `max_tokens`, `api.key.v2`."""


def secret(text: bytes, match: Any, steps: Steps) -> int:
    """Tell whether what is assigned (the match's first group) looks made by chance."""
    steps.take()
    value = text[match.start(1) : match.end(1)]
    if CODE.match(value) or (NAME.fullmatch(value) and not _mixed_case(value)):
        return 0
    classes = sum(bool(one.search(value)) for one in CLASSES)
    return int(classes >= 2 and bits(value) >= LEAST_BITS)  # noqa: PLR2004  letters alone are words


def bits(value: bytes) -> float:
    """Return Shannon's entropy in bits a byte."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())


def _mixed_case(value: bytes) -> bool:
    # camelCase turns upper seldom; random letters do so every other time.
    turns = len(re.findall(rb"[a-z][A-Z]|[A-Z][a-z]", value))
    return turns * 3 > len(value)
