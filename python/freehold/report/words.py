"""States in words: what a step or a number of a panel stands for, and the mark that goes with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from freehold.report.html import Html, tag
from freehold.report.model import Step, Word

State = Literal["good", "look", "bad", "none"]
SAID: Mapping[State, str] = {"good": "good", "look": "worth a look", "bad": "bad", "none": "no judgement"}
DRAWN: Mapping[State, str] = {
    "good": "M3.5 8.5l3 3 6-7",
    "look": "M8 3.5v5.5M8 12v.4",
    "bad": "M4 4l8 8M12 4l-8 8",
    "none": "M4 8h8",
}
"""A tick, an exclamation mark, a cross, a dash: forms, so that nobody needs the colours."""


WORSE: Mapping[State, int] = {"good": 0, "none": 1, "look": 2, "bad": 3}


def worst(states: Sequence[Iterable[State]], most: int) -> list[int]:
    """Which of them to show where only ``most`` can be: the worst; in the order in which they came."""
    ranks = [max((WORSE[state] for state in each), default=0) for each in states]
    return sorted(sorted(range(len(ranks)), key=lambda index: (-ranks[index], index))[:most])


def of_steps(value: float | None, steps: Sequence[Step]) -> State:
    """The state of the last step at or below ``value``; none where nothing is known or judged."""
    if value is None or math.isnan(value):
        return "none"
    reached = [step for step in steps if value >= step.value]
    return max(reached, key=lambda step: step.value).state if reached else "none"


def of_number(value: float | None, words: Sequence[Word]) -> Word:
    """The word of a number; one that has none is shown as it is."""
    if value is None or math.isnan(value):
        return Word(-1, "not known", "none")
    found = next((word for word in words if word.value == value), None)
    return found or Word(-1, f"{value:g}", "none")


def mark(state: State) -> Html:
    """The mark of a state, for the eye."""
    return tag("svg", tag("path", d=DRAWN[state]), viewBox="0 0 16 16", class_=f"mark {state}", aria_hidden="true")


def chip(state: State, text: str) -> Html:
    """A state with its mark and its word."""
    return tag("span", mark(state), text, class_=f"chip {state}")
