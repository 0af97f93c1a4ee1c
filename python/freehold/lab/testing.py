"""`make test`'s second half: raise or converge the lab, run what needs it, leave the machine as it was found."""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from freehold.lab import raise_, stamp
from freehold.lab.down import STACK_FILE, down
from freehold.lab.engine import VARIABLE, VLLM
from freehold.lab.up import DEFAULT_NODES, FLEET, names_of, up
from freehold.lab.world import open_lab
from freehold.paths import PROJECT, lab_paths
from freehold.steps import Report, Step, run_steps

TESTS = ("tests/conformance", "tests/live", "tests/lab")
SLOW = "tests/lab/full"
# Another engine answers the same questions, and some of its own. Not beside the others: the lab is converged to it.
OF_VLLM = "tests/lab/full/vllm"
VLLM_LANE = ("tests/lab/test_endpoint.py", OF_VLLM)
TAIL = 4000
SEED = "FREEHOLD_SEED"
SCENARIOS = PROJECT / "tests" / "molecule"


def run_lab_tests(*, full: bool, keep: bool, arguments: Sequence[str], console: Console) -> int:
    """Run the tests that need the lab; returns pytest's exit code.

    A lab that is up is converged first where another tree raised it, and stays up; one that was raised for the tests is
    removed after them, also when they failed. Where ``arguments`` name tests, those alone run, and nothing of molecule.
    """
    found_up = any(node.powered for node in raise_.nodes(open_lab()))
    try:
        if found_up and STACK_FILE.is_file() and stamp.fits(lab_paths()):
            console.print("the lab is up, and this tree raised it")
        else:
            up(DEFAULT_NODES, console)
        if _name_tests(arguments):
            return _pytest(arguments)
        code = _pytest([*TESTS, f"--ignore={OF_VLLM if full else SLOW}", *arguments])
        code = code or _molecule(console, scenarios() if full else chosen(scenarios(), console))
        return code or (_vllm(console, found_up=found_up) if full else 0)
    finally:
        if not (found_up or keep):
            run_steps([Step("Lab: remove every trace", remove)], console)


def _name_tests(arguments: Sequence[str]) -> bool:
    return any((PROJECT / word.partition("::")[0]).exists() for word in arguments if not word.startswith("-"))


def remove(report: Report) -> str:
    """Take the lab down; the step's result."""
    return f"{len(down(open_lab(), report))} traces removed"


def _pytest(arguments: Sequence[str]) -> int:
    words = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.run(words, cwd=PROJECT, check=False).returncode


def _vllm(console: Console, *, found_up: bool) -> int:
    """The real vLLM on the CPU, on a lab of one node; a lab that was up is converged back."""
    before = [node.name for node in raise_.nodes(open_lab())]
    os.environ[VARIABLE] = VLLM.name
    try:
        up(names_of(1), console, exactly=True)
        return _pytest(VLLM_LANE)
    finally:
        del os.environ[VARIABLE]
        if found_up:
            up([name for name in before if name.startswith(FLEET)], console)


def scenarios() -> list[str]:
    """Names of all scenarios of molecule: one a role."""
    return sorted(path.parent.name for path in SCENARIOS.glob("*/molecule.yml"))


def chosen(names: Sequence[str], console: Console) -> list[str]:
    """One of them, another each time; FREEHOLD_SEED repeats a choice."""
    seed = int(os.environ.get(SEED) or secrets.randbelow(10**6))
    name = random.Random(seed).choice(names)  # noqa: S311  a choice of a test, no secret
    console.print(f"of {len(names)} scenarios of molecule: {name} ({SEED}={seed}); all of them: make test-full")
    return [name]


def _molecule(console: Console, names: Sequence[str]) -> int:
    """Run each role alone on a bare node beside the lab's own; the first failure ends it."""
    tools = f"{sys.prefix}/bin"  # molecule calls Ansible's programs by their names
    path = f"{tools}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "MOLECULE_GLOB": "tests/molecule/*/molecule.yml"}
    for scenario in names:
        started = time.monotonic()
        words = [f"{tools}/molecule", "-c", "tests/molecule/base.yml", "test", "-s", scenario]
        done = subprocess.run(words, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        result = "ok" if done.returncode == 0 else "failed"
        console.print(f"{result} molecule {scenario:<24} {time.monotonic() - started:7.1f} s")
        if done.returncode:
            console.print(done.stdout[-TAIL:] + done.stderr[-TAIL:], markup=False, highlight=False)
            return done.returncode
    return 0
