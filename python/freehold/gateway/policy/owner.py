"""The owner's part of the rules, from the settings: which hold, what else may never leave, what may all the same.

``{"except": ["email"], "also": ["phone"], "images": false, "files": false, "own": [{"id": "projects", "words":
["Bluebird"]}, {"id": "tickets", "pattern": "TCK-[0-9]{6}"}]}``: words match whole, in any case, over any white space;
patterns are RE2's (no look-around, no back-references), so that no pattern can take more than linear time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from freehold.errors import FreeholdError, raise_all
from freehold.gateway.policy.builtin import RULES
from freehold.gateway.policy.fold import folded
from freehold.gateway.policy.rule import PatternError, compiled_utf8
from freehold.gateway.policy.structure import RULES as STRUCTURE
from freehold.gateway.policy.structure import Allowed
from freehold.service.settings import Table

LONGEST_PATTERN, MOST_WORDS = 1_000, 10_000
LARGEST_PROGRAM = 50_000
"""RE2's instructions. A repeat of a repeat multiplies them; a list of 1,000 names has about 10,000."""
FLAGS = ("images", "files")
ID = re.compile(r"[a-z][a-z0-9-]{0,40}")
RESERVED = {rule.id for rule in RULES} | STRUCTURE.keys() | {"unjudged"}


@dataclass(frozen=True)
class OwnRule:
    """A pattern of the owner's, for RE2 over characters."""

    id: str
    pattern: str


@dataclass(frozen=True)
class Settings:
    """What is judged. ``rules`` are the ids of the built-in rules that hold."""

    rules: frozenset[str]
    own: tuple[OwnRule, ...] = ()
    allowed: Allowed = field(default_factory=Allowed)


STANDARD = Settings(frozenset(rule.id for rule in RULES if not rule.optional))


def read(raw: object, subject: str = "the gateway's policy") -> Settings:
    """Read and check; raises all errors together."""
    errors: list[FreeholdError] = []
    whole = {"own": [], **{k: v for k, v in raw.items() if k not in FLAGS}} if isinstance(raw, Mapping) else raw
    table = Table(subject, whole, errors)
    known = [rule.id for rule in RULES]
    taken = set(table.texts("except", [])), set(table.texts("also", []))
    for name_of, names in zip(("except", "also"), taken, strict=True):
        for name in sorted(names - set(known)):
            table.refuse(name_of, repr(name[:40]), f"one of {', '.join(known)}")
    own = table.tables("own", _own)
    for name, count in Counter(rule.id for rule in own).items():
        if count > 1:
            table.refuse("own", f"{name} {count} times", "each id once", code="CONFIG_DUPLICATE")
    allowed = Allowed(*(_flag(table, raw, name) for name in FLAGS))
    table.close()
    raise_all(errors)
    return Settings((STANDARD.rules - taken[0]) | taken[1], own, allowed)


def _own(table: Table) -> OwnRule:
    name = table.text("id")
    if name and (not ID.fullmatch(name) or name in RESERVED):
        table.refuse("id", repr(name[:40]), "lower-case letters, digits and hyphens, and no built-in rule's id")
    words, pattern = table.texts("words", []), table.text("pattern", "")
    if bool(words) == bool(pattern):
        table.refuse("words", "both or neither of words and pattern", "one of them")
    if words:
        pattern = _of_words(table, words)
    elif pattern and (len(pattern) > LONGEST_PATTERN or folded(pattern).decode() != pattern):
        table.refuse(
            "pattern",
            f"{len(pattern)} characters",
            f"at most {LONGEST_PATTERN} characters, without accents and special forms of letters",
            why="the text is judged without them, so a pattern with them would never match",
        )
    _check(table, pattern)
    return OwnRule(name, pattern)


def _of_words(table: Table, words: tuple[str, ...]) -> str:
    plain = [" ".join(folded(word).decode().split()) for word in words]
    if len(words) > MOST_WORDS or not all(plain):
        table.refuse("words", f"{len(words)} words", f"at most {MOST_WORDS}, none of them empty")
    listed = "|".join(re.sub(r"\\? ", r"\\s+", re.escape(word)) for word in sorted(set(plain)) if word)
    return rf"(?i)(?:^|[^\pL\pN_])(?:{listed})(?:$|[^\pL\pN_])"


def _check(table: Table, pattern: str) -> None:
    if not pattern:
        return
    try:
        made = compiled_utf8(pattern)
    except PatternError as error:
        table.refuse("pattern", _said(error), "a pattern that RE2 takes", why="others may need unbounded time")
        return
    if made.programsize > LARGEST_PROGRAM:
        table.refuse("pattern", f"a program of {made.programsize} steps", f"at most {LARGEST_PROGRAM}")
    if made.search(b"") is not None:
        table.refuse("pattern", "it matches the empty text", "a pattern that needs a character", why="all would match")


def _said(error: Exception) -> str:
    said: Any = error.args[0] if error.args else error
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _flag(table: Table, raw: object, name: str) -> bool:
    value = raw.get(name, False) if isinstance(raw, Mapping) else False
    if not isinstance(value, bool):
        table.refuse(name, repr(value)[:40], "true or false")
    return value is True
