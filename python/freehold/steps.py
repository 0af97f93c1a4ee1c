"""A list of steps with a time for each, so that long work shows where it is and a rerun goes on from there.

A step decides itself whether there is anything to do (``run`` returns :data:`UP_TO_DATE`), so the same list serves the
first run, the rerun after a failure, and the run that only confirms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from freehold.errors import FreeholdError, FreeholdErrors

UP_TO_DATE = "up to date"

SHOWN_DETAIL_WIDTH = 100
PLAIN_PACE_SECONDS = 5.0
"""Into a log, where a line does not replace the last one, at most this often."""


class Report(Protocol):
    """Tells the user what a step is at; one short line replaces the last one."""

    def __call__(self, line: str, /) -> None:
        """Show ``line``."""


@dataclass(frozen=True)
class Step:
    """``run`` gets a :class:`Report` and returns a short result to print beside the time."""

    title: str
    run: Callable[[Report], str]


@dataclass(frozen=True)
class Took:
    """How long a step took, in seconds, and what it said."""

    title: str
    seconds: float
    result: str


def run_steps(steps: Iterable[Step], console: Console, *, clock: Callable[[], float] = time.monotonic) -> list[Took]:
    """Run the steps in order; the first failure is raised after the step's name and time are printed."""
    return [_run_one(number, step, console, clock) for number, step in enumerate(steps, start=1)]


def _run_one(number: int, step: Step, console: Console, clock: Callable[[], float]) -> Took:
    started = clock()
    label = f"{number}. {step.title}"
    spinner = Spinner("dots", Text(label))
    next_line = started

    def report(line: str) -> None:
        nonlocal next_line
        shown = line.strip().replace("\n", " ")[:SHOWN_DETAIL_WIDTH]
        if console.is_terminal:
            spinner.update(text=Text.assemble(label, ("  " + shown, "dim")))
        elif (now := clock()) >= next_line:
            next_line = now + PLAIN_PACE_SECONDS
            console.print(Text(f"   {now - started:6.1f} s  {shown}"), soft_wrap=True)

    if not console.is_terminal:
        console.print(Text(f"-- {label}"))
    try:
        with Live(spinner, console=console, transient=True, refresh_per_second=8):
            result = step.run(report)
    except (FreeholdError, FreeholdErrors, KeyboardInterrupt):
        console.print(Text.assemble(("failed ", "bold red"), label, f"  after {clock() - started:.1f} s"))
        raise
    took = Took(step.title, clock() - started, result)
    console.print(
        Text.assemble(("ok ", "green"), f"{label:<46}", f"{took.seconds:7.1f} s  ", (result, "dim")), soft_wrap=True
    )
    return took
