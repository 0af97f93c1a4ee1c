"""`make test`'s second half: raise or converge the lab, run what needs it, leave the machine as it was found."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from rich.console import Console

from freehold.lab import raise_, stamp
from freehold.lab.down import down
from freehold.lab.up import DEFAULT_NODES, up
from freehold.lab.world import open_lab
from freehold.paths import PROJECT, lab_paths
from freehold.steps import Report, Step, run_steps

QUICK = ("tests/conformance", "tests/lab")
SLOW = ("tests/full",)


def run_lab_tests(*, full: bool, keep: bool, arguments: Sequence[str], console: Console) -> int:
    """Run the tests that need the lab; returns pytest's exit code.

    A lab that is up is converged first where another tree raised it, and stays up; one that was raised for the tests is
    removed after them, also when they failed.
    """
    found_up = any(node.powered for node in raise_.nodes(open_lab()))
    try:
        if found_up and stamp.fits(lab_paths()):
            console.print("the lab is up, and this tree raised it")
        else:
            up(DEFAULT_NODES, console)
        return _pytest([*QUICK, *(SLOW if full else ())], arguments)
    finally:
        if not (found_up or keep):
            run_steps([Step("Lab: remove every trace", remove)], console)


def remove(report: Report) -> str:
    """Take the lab down; the step's result."""
    return f"{len(down(open_lab(), report))} traces removed"


def _pytest(folders: Sequence[str], arguments: Sequence[str]) -> int:
    present = [folder for folder in folders if (PROJECT / folder).is_dir()]
    words = [sys.executable, "-m", "pytest", "-q", *present, *arguments]
    return subprocess.run(words, cwd=PROJECT, check=False).returncode
