from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from freehold.pulumi_command import local
from freehold.pulumi_command.work import LONGEST_VARIABLE, Cancellation, CommandError, Output, Task

NOTHING = Output()


def task(command: str, previous: Output = NOTHING, *, timeout: float = 0.0, **inputs: Any) -> Task:
    return Task(command, inputs, previous, log=lambda _line: None, timeout=timeout)


def logged(command: str, **inputs: Any) -> list[str]:
    lines: list[str] = []
    local.run(Task(command, inputs, NOTHING, log=lines.append))
    return sorted(lines)


def test_both_streams_are_kept_without_the_last_line_end() -> None:
    assert local.run(task("echo a; echo; echo b >&2")) == Output("a\n", "b")


def test_lines_are_logged_and_one_without_an_end_too() -> None:
    assert logged("echo one; printf two") == ["one", "two"]


@pytest.mark.parametrize(
    ("mode", "lines"), [("stdout", ["out"]), ("stderr", ["err"]), ("none", []), (None, ["err", "out"])]
)
def test_the_mode_chooses_what_is_logged(mode: str | None, lines: list[str]) -> None:
    assert logged("echo out; echo err >&2", logging=mode) == lines


def test_a_character_cut_in_two_by_the_pipe_is_put_together() -> None:
    assert local.run(task(r"printf '\303'; sleep 0.05; printf '\244'")).stdout == "ä"


def test_input_that_the_command_does_not_read_is_no_failure() -> None:
    assert local.run(task("true", stdin="x" * 1_000_000)) == NOTHING


def test_previous_output_is_in_the_environment_unless_unwanted() -> None:
    command = 'echo "$PULUMI_COMMAND_STDOUT|$PULUMI_COMMAND_STDERR"'
    before = Output("out", "err")
    assert local.run(task(command, before)).stdout == "out|err"
    assert local.run(task(command, before, addPreviousOutputInEnv=False)).stdout == "|"


def test_a_previous_output_that_no_environment_can_hold_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="set addPreviousOutputInEnv to false"):
        local.run(task("true", Output("x" * (LONGEST_VARIABLE + 1))))
    assert local.run(task("true", Output("x" * LONGEST_VARIABLE))) == NOTHING


def test_a_failure_tells_status_command_and_output() -> None:
    with pytest.raises(CommandError, match='exit status 3: running "echo why; exit 3":\nwhy\n'):
        local.run(task("echo why; exit 3"))


def test_a_signal_is_named() -> None:
    with pytest.raises(CommandError, match="signal: SIGKILL"):
        local.run(task("kill -9 $$"))


def test_what_cannot_start_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=f"cannot run /bin/sh in {tmp_path}/none: No such file"):
        local.run(task("true", dir=str(tmp_path / "none")))


def test_a_timeout_ends_the_command_and_what_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with pytest.raises(CommandError, match="timeout"):
        local.run(task(f"sleep 60 & echo $! > {pid_file}; wait", timeout=0.3))
    _assert_gone(int(pid_file.read_text()))


def test_a_cancelled_command_that_ignores_the_request_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.2)
    fifo, pid_file = tmp_path / "fifo", tmp_path / "pid"
    os.mkfifo(fifo)
    cancellation = Cancellation()
    work = Task(
        f"trap '' TERM; echo $$ > {pid_file}; echo > {fifo}; while :; do sleep 1; done",
        {},
        NOTHING,
        log=lambda _line: None,
        cancellation=cancellation,
    )
    failures: list[str] = []

    def run() -> None:
        with pytest.raises(CommandError) as caught:
            local.run(work)
        failures.append(str(caught.value))

    runner = threading.Thread(target=run)
    runner.start()
    fifo.read_text()  # returns when the command is under way
    cancellation.cancel()
    runner.join(timeout=10)
    assert failures
    assert failures[0].startswith("cancelled")
    _assert_gone(int(pid_file.read_text()))


def test_after_a_cancel_nothing_begins(tmp_path: Path) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    work = Task(f"touch {tmp_path}/began", {}, NOTHING, log=lambda _line: None, cancellation=cancellation)
    with pytest.raises(CommandError, match="cancelled before it began"):
        local.run(work)
    assert not (tmp_path / "began").exists()


def _assert_gone(pid: int) -> None:
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z"):
                return
        except (ProcessLookupError, FileNotFoundError):
            return
        signal.sigtimedwait([], 0.05)
    pytest.fail(f"process {pid} is still there")


def test_files_that_the_command_left_are_found_after_it(tmp_path: Path) -> None:
    found = local.run(task("echo new > made", dir=str(tmp_path), assetPaths=["made"])).found
    assert [*found["assets"]] == ["made"]
    assert local.run(task("true", dir=str(tmp_path))).found == {}
