"""Running other programs, with the world injected.

Code that runs a program takes a :class:`Runner`, so that a test can hand it a recorded one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from freehold.errors import FreeholdError

OUTPUT_TAIL_LINES = 15


@dataclass(frozen=True)
class Completed:
    """What a finished program left behind; output is text."""

    args: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


class ProcessError(FreeholdError):
    """A program that Freehold needs ended with an error."""


class Runner(Protocol):
    """Runs a program to its end and returns what it left behind."""

    def __call__(
        self,
        args: Sequence[str | os.PathLike[str]],
        *,
        check: bool = True,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout: float | None = None,
        log: Path | None = None,
    ) -> Completed:
        """``env`` is added to the environment; with ``log`` both outputs are appended to that file instead."""


def run(
    args: Sequence[str | os.PathLike[str]],
    *,
    check: bool = True,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
    log: Path | None = None,
) -> Completed:
    """The real :class:`Runner`. Raises :class:`ProcessError` when ``check`` and the program failed or is missing."""
    words = tuple(os.fspath(arg) for arg in args)
    try:
        completed = _execute(words, cwd=cwd, env=env, stdin=stdin, timeout=timeout, log=log)
    except FileNotFoundError as error:
        raise ProcessError(
            "PROGRAM_MISSING",
            words[0],
            f"{error.filename} is not there",
            expected=f"`{words[0]}` on PATH",
            fix="run `make up` again: its first step installs what is missing",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ProcessError(
            "PROGRAM_TIMEOUT", " ".join(words), f"no end after {timeout:.0f} s", expected="an end in that time"
        ) from error
    if check and completed.returncode != 0:
        raise ProcessError(
            "PROGRAM_FAILED",
            " ".join(words),
            f"exit status {completed.returncode}\n{_tail(completed, log)}",
            expected="exit status 0",
        )
    return completed


def _execute(
    words: tuple[str, ...],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdin: str | None,
    timeout: float | None,
    log: Path | None,
) -> Completed:
    environment = {**os.environ, **(env or {})}
    # No standard input unless it is given: a program that asks a question must fail, not wait.
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    if log is None:
        done = subprocess.run(
            words, cwd=cwd, env=environment, text=True, capture_output=True, timeout=timeout, check=False, **given
        )
        return Completed(words, done.returncode, done.stdout, done.stderr)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as stream:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=environment,
            text=True,
            stdout=stream,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
            **given,
        )
    return Completed(words, done.returncode, "", "")


def _tail(completed: Completed, log: Path | None) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log else completed.stdout + completed.stderr
    lines = text.strip().splitlines()[-OUTPUT_TAIL_LINES:]
    if log:
        lines.append(f"(whole output: {log})")
    return "\n".join(f"            {line}" for line in lines)
