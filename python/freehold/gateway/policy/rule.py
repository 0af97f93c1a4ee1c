"""What a rule is, what it finds, and the engine under it: RE2, whose time is linear in the text whatever the pattern.

Python's own ``re`` tries one path after the other and can take hours over a short hostile text. RE2 walks all paths at
once; it has no look-around and no back-references, and needs none here: what a pattern cannot say, a validator does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import re2  # type: ignore[import-untyped]  # ships no types

PATTERN_MEMORY, OWN_MEMORY = 1 << 20, 8 << 20
"""Bytes that the automaton of a built-in pattern and of an owner's may take (his may be a list of 1,000 names). Beyond
them RE2 forgets and goes on, slower, never wrongly."""


class UnjudgedError(Exception):
    """The text would take more work to judge than it is worth; it is then treated as if it held something."""


@dataclass
class Steps:
    """Counts the work of validators, so that no text can make them dear."""

    left: int

    def take(self, number: int = 1) -> None:
        """Count ``number`` steps; raises :class:`UnjudgedError` beyond the limit."""
        self.left -= number
        if self.left < 0:
            raise UnjudgedError


@dataclass(frozen=True)
class Finding:
    """A rule that found something: where (a JSON path) and how often. Never what."""

    rule: str
    where: str
    count: int


Validator = Callable[[bytes, Any, Steps], int]
"""Takes the whole text, a match in it and the steps; returns how many real ones the match holds."""


@dataclass(frozen=True)
class Rule:
    """A pattern over UTF-8 bytes, each taken as one character, so that 0x80-0xff stands for "some letter".

    ``hint`` is a literal that any match contains: without it in the text the pattern is not run. ``yes`` and ``no`` are
    texts with and without something to find; a test tries them all.
    """

    id: str
    description: str
    pattern: bytes
    yes: tuple[str, ...]
    no: tuple[str, ...]
    hint: bytes = b""
    validator: Validator | None = None
    optional: bool = False


def compiled(pattern: bytes) -> Any:
    """Return RE2's form of a rule's pattern."""
    return _compiled(pattern, re2.Options.Encoding.LATIN1, PATTERN_MEMORY)


def compiled_utf8(pattern: str) -> Any:
    """Return RE2's form of an owner's pattern, over characters. Raises ``re2.error``."""
    return _compiled(pattern.encode(), re2.Options.Encoding.UTF8, OWN_MEMORY)


def _compiled(pattern: bytes, encoding: Any, memory: int) -> Any:
    options = re2.Options()
    options.encoding, options.max_mem, options.log_errors = encoding, memory, False
    return re2.compile(pattern, options)


def names(text: str) -> frozenset[str]:
    """Return the words of ``text``."""
    return frozenset(text.split())


PatternError: type[Exception] = re2.error
