"""command:remote:Command over a real sshd. Run against Freehold's stand-in; the official binary was not at hand."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.conformance.conftest import STAND_IN, Failing, Lifecycle, Updated
from tests.conformance.sshd import SshServer


def test_create_runs_on_the_host_and_keeps_both_streams_apart(lifecycle: Lifecycle) -> None:
    basic = lifecycle.created_state["r-basic"]["outputs"]
    assert (basic["stdout"], basic["stderr"]) == ("one\n4", "two")  # SSH_CONNECTION has four words on a host


def test_update_runs_with_the_previous_output_and_delete_does_not_run(updated: Updated) -> None:
    assert [line for line in updated.journal if line.startswith("r-updated")] == [
        "r-updated update [r-updated-created|]"  # this sshd accepts one of the two variables
    ]


def test_the_previous_output_that_a_host_does_not_accept_is_said_and_passed_over(updated: Updated, plugin: str) -> None:
    if plugin == STAND_IN:  # the official plugin words it otherwise
        assert "does not accept PULUMI_COMMAND_STDERR" in updated.ran.lines("r-updated")
    assert updated.state["r-updated"]["outputs"]["stdout"] == "r-updated-updated"


def test_logging_modes(lifecycle: Lifecycle) -> None:
    assert "OUT-r-none" not in lifecycle.created.lines("r-log-none")
    shown = lifecycle.created.lines("r-log-stderr")
    assert "ERR-r" in shown
    assert "OUT-r" not in shown


def test_a_connection_is_retried_until_the_host_answers(lifecycle: Lifecycle) -> None:
    assert lifecycle.created_state["r-late"]["outputs"]["stdout"] == "in"
    assert lifecycle.late.knocks == 3
    assert "Dial 1/5 failed: retrying" in lifecycle.created.lines("r-late")
    assert "Dial 2/5 failed: retrying" in lifecycle.created.lines("r-late")


def test_retries_end_at_the_limit(failing: Failing) -> None:
    assert failing.ran.lines("nobody-listens").count("Dial 1/1 failed: retrying") == 1
    assert "refused" in failing.diagnostics("nobody-listens").lower()


def test_a_host_that_never_answers_fails_after_the_dial_timeout(failing: Failing) -> None:
    assert "**creating failed**" in failing.ran.lines("no-answer")
    assert "time" in failing.diagnostics("no-answer")  # "timed out", "i/o timeout"


def test_a_wrong_host_key_is_refused_before_anything_runs(failing: Failing) -> None:
    assert not (failing.folder / "wrong-host-key").exists()
    assert failing.diagnostics("wrong-host-key")


def test_a_wrong_host_key_is_told_with_both_fingerprints(
    failing: Failing, server: SshServer, plugin: str, tmp_path: Path
) -> None:
    if plugin != STAND_IN:
        pytest.skip("the official plugin says only that the keys differ")
    said = failing.diagnostics("wrong-host-key")
    for key in (server.host_key, failing.stack.settings["other_host_key"]):
        (tmp_path / "key.pub").write_text(key)
        listed = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
        assert listed.stdout.split()[1] in said
    assert "retrying" not in failing.ran.lines("wrong-host-key")


@pytest.mark.parametrize("name", ["wrong-key", "broken-key", "no-host-key-at-all"])
def test_nothing_runs_with_a_key_that_is_not_right(failing: Failing, name: str) -> None:
    assert failing.diagnostics(name)
    assert not (failing.folder / name).exists()


def test_a_failing_command_fails_its_resource_with_what_it_said(failing: Failing) -> None:
    said = failing.diagnostics("r-failing")
    assert "exited with status 3" in said
    assert "on the way" in said
    assert "the reason" in said


def test_a_variable_that_the_host_does_not_accept_fails(failing: Failing) -> None:
    said = failing.diagnostics("environment-refused")
    assert "NOT_ACCEPTED" in said
    assert "AcceptEnv" in failing.ran.text


def test_the_connection_is_secret_in_the_state(lifecycle: Lifecycle, server: SshServer) -> None:
    for where in ("inputs", "outputs"):
        assert "ciphertext" in lifecycle.created_state["r-basic"][where]["connection"]
    for line in server.private_key.splitlines()[1:-1]:
        assert line not in lifecycle.created_text
        assert line not in lifecycle.preview.text + lifecycle.created.text
