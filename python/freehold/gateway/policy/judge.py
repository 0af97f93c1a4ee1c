"""The judgement of one request: which rules it meets, where, how often. The matched text stays here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from freehold.gateway.policy import structure
from freehold.gateway.policy.builtin import RULES
from freehold.gateway.policy.corpus import Corpus, gather
from freehold.gateway.policy.owner import STANDARD, OwnRule, Settings
from freehold.gateway.policy.rule import Finding, Rule, Steps, UnjudgedError, compiled, compiled_utf8

ENOUGH = 100
"""Matches of one rule; more change nothing, and looking for them would take time."""
STEPS = 100_000
"""Work of validators for one request: about 0.2 s. Prose and code of 100 kB need some hundred steps."""
BYTES_A_STEP = 50
"""The patterns take some 2 us of each 100 bytes; so 5 MB are too much, which is more than a body may have."""
UNJUDGED = "unjudged"
DESCRIPTIONS = {
    **{rule.id: rule.description for rule in RULES},
    **structure.RULES,
    UNJUDGED: "More than can be judged in the time that a request may take",
}


@dataclass(frozen=True)
class Judge:
    """The rules in RE2's form. Made once: compiling takes some milliseconds."""

    rules: tuple[tuple[Rule, Any], ...]
    own: tuple[tuple[OwnRule, Any], ...]
    allowed: structure.Allowed
    steps: int = STEPS

    def findings(self, body: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Return what was found, each rule and place once; nothing at all means that no rule objects.

        ``body`` is the parsed request, its depth limited by :func:`freehold.gateway.body.parse`. Whatever cannot be
        judged is a finding of the rule ``unjudged``.
        """
        found: Counter[tuple[str, str]] = Counter()
        try:
            for one in structure.findings(body, self.allowed):
                found[one.rule, one.where] += one.count
            corpus, steps = gather(body), Steps(self.steps)
            steps.take(len(corpus.text) // BYTES_A_STEP)
            for rule, pattern in self.rules:
                found.update((rule.id, where) for where in _matches(corpus, rule, pattern, steps))
            for own, pattern in self.own:
                found.update((own.id, where) for where in _first(corpus, pattern))
        except (UnjudgedError, RecursionError, ValueError):
            found[UNJUDGED, "$"] += 1
        return tuple(Finding(rule, where, count) for (rule, where), count in sorted(found.items()))


def judge(settings: Settings = STANDARD, steps: int = STEPS) -> Judge:
    """Return the judge of these settings."""
    rules = tuple((rule, compiled(rule.pattern)) for rule in RULES if rule.id in settings.rules)
    own = tuple((rule, compiled_utf8(rule.pattern)) for rule in settings.own)
    return Judge(rules, own, settings.allowed, steps)


def _matches(corpus: Corpus, rule: Rule, pattern: Any, steps: Steps) -> Iterator[str]:
    if rule.hint and rule.hint not in corpus.text:
        return
    left = ENOUGH
    for match in pattern.finditer(corpus.text):
        steps.take()
        hits = rule.validator(corpus.text, match, steps) if rule.validator else 1
        where = corpus.place(match.start(), match.end()) if hits else None
        if where is not None:
            yield from [where] * min(hits, left)
            left -= hits
        if left <= 0:
            return


def _first(corpus: Corpus, pattern: Any) -> Iterator[str]:
    # Only one: where a pattern may run to the end of the text, each further search would read all of it again.
    match = pattern.search(corpus.text)
    if match is not None:
        yield corpus.place(match.start(), match.end()) or corpus.paths[0]
