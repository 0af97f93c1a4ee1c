"""Tells a person's address from one that is nobody's."""

from __future__ import annotations

import re
from typing import Any

from freehold.gateway.policy.rule import Steps

NOBODY = re.compile(rb"(?i)git@.*|.*[@.](?:example(?:\.(?:com|net|org))?|test|invalid|localhost)")
"""Names that RFC 2606 reserves for examples, and the user that every git server has."""


def email(text: bytes, match: Any, steps: Steps) -> int:
    """Tell whether the address may be somebody's."""
    steps.take()
    return int(NOBODY.fullmatch(text[match.start() : match.end()]) is None)
