"""command:local:Command. Run against Freehold's stand-in; the official binary was not at hand (see conftest)."""

from __future__ import annotations

import pytest
from tests.conformance.conftest import SECRET, STAND_IN, Failing, Lifecycle, Updated


def test_a_preview_runs_nothing_and_knows_no_outputs(lifecycle: Lifecycle) -> None:
    assert lifecycle.after_preview == []
    assert "37 to create" in lifecycle.preview.text
    assert "create: [unknown]" in lifecycle.preview.text.partition("::dependent]")[2]


def test_create_runs_the_command_and_keeps_both_streams_apart(lifecycle: Lifecycle) -> None:
    basic = lifecycle.created_state["basic"]["outputs"]
    assert (basic["stdout"], basic["stderr"]) == ("one\nthree", "two\nfour")


def test_an_output_feeds_another_command(lifecycle: Lifecycle) -> None:
    assert lifecycle.created_state["dependent"]["outputs"]["stdout"] == "after one"


@pytest.mark.parametrize(
    ("name", "stdout"),
    [
        ("stdin", "line 1\nline 2"),
        ("no-stdin", "end"),  # the end of input, not a wait for a terminal
        ("no-create", ""),
        ("environment", "value of a"),
        ("interpreter", "42"),
        ("not-utf8", "a\ufffdb"),
        ("r-stdin", "line 1\nline 2"),
        ("r-no-stdin", "end"),
        ("r-environment", "a"),
    ],
)
def test_what_a_command_is_given(lifecycle: Lifecycle, name: str, stdout: str) -> None:
    assert lifecycle.created_state[name]["outputs"]["stdout"] == stdout


def test_the_folder_is_where_the_command_runs(lifecycle: Lifecycle) -> None:
    assert lifecycle.created_state["directory"]["outputs"]["stdout"] == str(lifecycle.folder)


def test_a_long_output_is_kept_whole(lifecycle: Lifecycle) -> None:
    lines = lifecycle.created_state["long"]["outputs"]["stdout"].split("\n")
    assert (len(lines), lines[-1]) == (100_000, "100000")


@pytest.mark.parametrize(
    ("mode", "logged"),
    [("stdout", {"OUT"}), ("stderr", {"ERR"}), ("stdoutAndStderr", {"OUT", "ERR"}), ("none", set())],
)
def test_the_logging_mode_chooses_what_is_shown_and_not_what_is_kept(
    lifecycle: Lifecycle, mode: str, logged: set[str]
) -> None:
    shown = lifecycle.created.lines(f"log-{mode}")
    assert {stream for stream in ("OUT", "ERR") if f"{stream}-{mode}" in shown} == logged
    kept = lifecycle.created_state[f"log-{mode}"]["outputs"]
    assert (kept["stdout"], kept["stderr"]) == (f"OUT-{mode}", f"ERR-{mode}")


def test_a_change_of_environment_runs_update_and_never_delete(updated: Updated) -> None:
    assert "updated update [updated-created|updated-warned]" in updated.journal
    assert not [line for line in updated.journal if line.startswith("updated delete")]
    assert updated.state["updated"]["outputs"]["stdout"] == "updated-updated"


def test_without_update_create_runs_again_and_never_delete(updated: Updated) -> None:
    assert [line for line in updated.journal if line.startswith("updated-by-create")] == [
        "updated-by-create create [created with 1|]"
    ]
    assert updated.state["updated-by-create"]["outputs"]["stdout"] == "created with 2"


@pytest.mark.parametrize("name", ["replaced", "r-replaced"])
def test_a_change_of_triggers_creates_the_new_one_and_then_deletes_the_old_one(updated: Updated, name: str) -> None:
    lines = [line.partition(" [")[0] for line in updated.journal if line.startswith(f"{name} ")]
    assert lines == [f"{name} create", f"{name} delete"]  # and no update, although there is one


def test_delete_is_given_the_output_of_the_resource_that_it_deletes(updated: Updated) -> None:
    assert "replaced delete [replaced-created|replaced-warned]" in updated.journal
    assert "r-replaced delete [r-replaced-created|]" in updated.journal


def test_the_previous_output_stays_out_of_the_environment_when_unwanted(updated: Updated) -> None:
    assert updated.state["no-previous"]["outputs"]["stdout"] == "[]"


def test_without_a_change_nothing_runs(updated: Updated) -> None:
    assert "37 unchanged" in updated.unchanged.text
    assert updated.unchanged_journal == []


def test_destroy_runs_every_delete_with_the_last_output(updated: Updated) -> None:
    assert sorted(updated.destroyed_journal) == [
        "no-create delete [|]",
        "r-replaced delete [r-replaced-created|]",
        "r-updated delete [r-updated-updated|]",
        "replaced delete [replaced-created|replaced-warned]",
        "updated delete [updated-updated|]",
        "updated-by-create delete [created with 2|]",
    ]


def test_a_secret_input_reaches_the_command_and_is_nowhere_in_the_clear(lifecycle: Lifecycle, plugin: str) -> None:
    assert lifecycle.created_state["secret-input"]["outputs"]["stdout"] == "equal"
    assert SECRET not in lifecycle.preview.text
    state = lifecycle.created_state
    if plugin == STAND_IN:  # the official plugin leaves an output that repeats a secret to additionalSecretOutputs
        assert SECRET not in lifecycle.created.text
        assert SECRET not in lifecycle.created_text
        assert "ciphertext" in state["secret-repeated"]["outputs"]["stdout"]
    for where in ("inputs", "outputs"):
        assert "ciphertext" in state["secret-input"][where]["environment"]["K"]
        assert "ciphertext" in state["secret-input"][where]["stdin"]


def test_an_output_declared_secret_is_encrypted_in_the_state(lifecycle: Lifecycle) -> None:
    outputs = lifecycle.created_state["secret-output"]["outputs"]
    assert "ciphertext" in outputs["stdout"]
    assert outputs["stderr"] == ""


def test_a_failing_command_fails_its_resource_with_what_it_said(failing: Failing) -> None:
    said = failing.diagnostics("failing")
    assert failing.ran.returncode != 0
    assert "exit status 3" in said
    assert "on the way" in said
    assert "the reason" in said
    assert "failing" not in failing.stack.state()


@pytest.mark.parametrize("name", ["failing", "r-failing"])
def test_what_depends_on_a_failed_command_does_not_run(failing: Failing, name: str) -> None:
    assert not (failing.folder / f"{name}-dependant").exists()
    assert (failing.folder / "bystander").exists()  # what does not depend on it did


@pytest.mark.parametrize(
    ("name", "said"),
    [("no-folder", "/nonexistent/folder"), ("no-interpreter", "/nonexistent/interpreter")],
)
def test_a_command_that_cannot_start_names_what_is_missing(failing: Failing, name: str, said: str) -> None:
    assert said in failing.diagnostics(name)


def test_a_command_that_outlives_its_timeout_is_ended(failing: Failing) -> None:
    assert "too-slow" not in failing.stack.state()
    assert failing.diagnostics("too-slow")


def test_a_secret_stays_out_of_error_messages(failing: Failing, plugin: str) -> None:
    assert "refused" in failing.diagnostics("secret-in-error")
    if plugin == STAND_IN:
        assert SECRET not in failing.ran.text
