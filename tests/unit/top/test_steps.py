"""Steps run in order, show their time, and stop at the first failure with its name."""

import io

import pytest
from rich.console import Console

from freehold.errors import RefusedError
from freehold.steps import Report, Step, run_steps


def console() -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    return Console(file=written, width=120), written


def test_each_step_shows_its_time_and_result() -> None:
    ticks = iter([0.0, 0.5, 2.0, 2.0])
    shown, written = console()

    def work(report: Report) -> str:
        report("half way")
        return "done"

    (took,) = run_steps([Step("Work", work)], shown, clock=lambda: next(ticks))
    assert (took.title, took.result) == ("Work", "done")
    assert "half way" in written.getvalue()
    assert "done" in written.getvalue()


def test_a_failed_step_is_named_and_the_next_one_does_not_run() -> None:
    ran = []

    def fail(_: Report) -> str:
        raise RefusedError("NO", "here", "nothing")

    def never(_: Report) -> str:
        ran.append(1)
        return ""

    shown, written = console()
    with pytest.raises(RefusedError):
        run_steps([Step("First", fail), Step("Second", never)], shown)
    assert ran == []
    assert "failed 1. First" in written.getvalue()
