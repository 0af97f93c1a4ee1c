"""One ansible-playbook run in a process group of its own: redacted log, task file, recap; ended as a whole."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

from freehold.fleet.redact import Redactor, secret_values, without_secrets

CALLBACKS = Path(__file__).with_name("callbacks")
GRACE_SECONDS = 3.0  # less than what whoever stops us waits before it kills: Ansible must be gone by then
_PR_SET_PDEATHSIG = 1


class StoppedError(Exception):
    """This process was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass(frozen=True)
class Files:
    """Where one run writes."""

    log: Path
    task: Path
    recap: Path


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit status, and the callback's recap (``None`` if Ansible never got that far)."""

    returncode: int
    recap: Mapping[str, Any] | None


def ansible_playbook() -> str:
    """The program beside this Python: never another version that happens to be on PATH."""
    return str(Path(sys.executable).with_name("ansible-playbook"))


def run(
    arguments: Sequence[str],
    files: Files,
    *,
    cwd: Path,
    env: Mapping[str, str],
    secrets: Sequence[str] = (),
    keep_open: Sequence[int] = (),
) -> Ended:
    """Run to the end. A signal to this process ends the whole group first and then raises :class:`StoppedError`."""
    files.recap.unlink(missing_ok=True)
    environment = _environment(env, files)
    redactor = Redactor([*secrets, *secret_values(os.environ)])
    with _log(files.log) as log, _signals_raised():
        child = subprocess.Popen(
            arguments,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=tuple(keep_open),
            preexec_fn=_die_with_parent(),  # noqa: PLW1509  another thread at most waits in poll(2)
        )
        try:
            _copy(child.stdout, log, redactor)
            child.wait()
        finally:
            end_group(child)
            files.task.unlink(missing_ok=True)
    return Ended(child.returncode, _recap(files.recap, redactor))


def _environment(env: Mapping[str, str], files: Files) -> dict[str, str]:
    return {
        **without_secrets(os.environ),
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "freehold_recap",
        "FREEHOLD_DECLARED_FOLDER": str(files.recap.parent),
        "ANSIBLE_NOCOLOR": "1",
        "FREEHOLD_RECAP_FILE": str(files.recap),
        "FREEHOLD_TASK_FILE": str(files.task),
        **env,
    }


@contextlib.contextmanager
def _log(path: Path) -> Iterator[TextIO]:
    """A fresh log; the run before it is kept beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_name(path.name + ".1"))
    with path.open("w", encoding="utf-8") as stream:
        path.chmod(0o600)
        yield stream


def _copy(source: Iterable[str] | None, log: TextIO, redactor: Redactor) -> None:
    for line in source or ():
        log.write(redactor(line))
        log.flush()


def _die_with_parent() -> Callable[[], object]:
    """Linux tells the child when its parent was killed with -9, where no handler of ours runs."""
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def _signals_raised() -> Iterator[None]:
    def stop(number: int, _frame: object) -> NoReturn:
        raise StoppedError(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_group(child: subprocess.Popen[str]) -> None:
    """End what is left of the child's process group: ask, wait, then insist."""
    if child.poll() is None:
        _signal_group(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _recap(path: Path, redactor: Redactor) -> Mapping[str, Any] | None:
    try:
        recap: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    for failure in recap["failures"]:
        failure["message"] = "\n".join(redactor(line) for line in failure["message"].splitlines())
    return recap
