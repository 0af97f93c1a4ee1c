"""One run of a program in its own process group: redacted log, recap, and nothing left when it is told to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.errors import RefusedError
from freehold.fleet import playbook_run
from freehold.fleet.callbacks.freehold_recap import message
from freehold.fleet.playbook_run import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "logs" / "run.log", tmp_path / "run.task", tmp_path / "recap.json")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.01)


def test_output_goes_to_the_log_redacted(files: Files, tmp_path: Path) -> None:
    code = "print('token=XSECRETX99'); print('known-value-1'); print('plain')"
    ended = playbook_run.run(python(code), files, cwd=tmp_path, env={}, secrets=["known-value-1"])
    assert ended.returncode == 0
    assert files.log.read_text() == "token=[redacted]\n[redacted]\nplain\n"
    assert files.log.stat().st_mode & 0o777 == 0o600


def test_the_log_before_is_kept(files: Files, tmp_path: Path) -> None:
    for word in ("first", "second"):
        playbook_run.run(python(f"print('{word}')"), files, cwd=tmp_path, env={})
    assert files.log.read_text() == "second\n"
    assert files.log.with_name("run.log.1").read_text() == "first\n"


def test_a_program_without_recap_has_none(files: Files, tmp_path: Path) -> None:
    files.recap.write_text("{}")
    assert playbook_run.run(python("raise SystemExit(2)"), files, cwd=tmp_path, env={}) == playbook_run.Ended(2, None)


def test_the_child_sees_none_of_pulumis_secrets(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "XSECRETX99")
    code = "import os; print(sorted(name for name in os.environ if 'PULUMI' in name))"
    playbook_run.run(python(code), files, cwd=tmp_path, env={})
    assert files.log.read_text() == "[]\n"


STOPPABLE = """
import subprocess, sys, time
stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", stubborn])
open("pids", "w").write(str(child.pid)); open("ready", "w").close()
time.sleep(60)
"""

DRIVER = """
import sys
from pathlib import Path
from freehold.fleet import playbook_run
base = Path(sys.argv[1])
playbook_run.GRACE_SECONDS = 0.5
files = playbook_run.Files(base / "log", base / "task", base / "recap")
try:
    playbook_run.run([sys.executable, "-c", sys.argv[2]], files, cwd=base, env={})
except playbook_run.StoppedError as stopped:
    sys.exit(128 + stopped.number)
"""


def is_gone(pid: int) -> bool:
    """Gone, or dead and only waiting to be collected by whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_whole_group(tmp_path: Path, number: signal.Signals) -> None:
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path), STOPPABLE], cwd=tmp_path)
    wait_until((tmp_path / "ready").exists)
    grandchild = int((tmp_path / "pids").read_text())
    driver.send_signal(number)
    assert driver.wait(20) == 128 + number
    wait_until(lambda: is_gone(grandchild))


def test_a_killed_parent_takes_its_child_along(tmp_path: Path) -> None:
    code = "import os, time; open('pids', 'w').write(str(os.getpid())); open('ready', 'w').close(); time.sleep(60)"
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path), code], cwd=tmp_path)
    wait_until((tmp_path / "ready").exists)
    driver.kill()
    driver.wait()
    wait_until(lambda: is_gone(int((tmp_path / "pids").read_text())))


def test_a_refusal_of_a_command_of_ours_is_told_in_words_and_any_other_output_by_its_end() -> None:
    refusal = RefusedError("KEYS_KEY_REVOKED", "gpu1", "key 12", fix="freehold keys renew --new-key --host gpu1")
    printed = json.dumps({"errors": [refusal.as_json()]}, indent=2)
    assert message({"msg": "rc 3", "stdout": printed}).splitlines() == [
        "rc 3",
        "KEYS_KEY_REVOKED gpu1: key 12; fix: freehold keys renew --new-key --host gpu1",
    ]
    assert message({"msg": "rc 3", "stdout": "\n".join("abcdefg")}) == "rc 3\nc\nd\ne\nf\ng"
