"""command:remote:CopyToRemote over a real sshd. Run against Freehold's stand-in; the official one was not at hand."""

from __future__ import annotations

from tests.conformance.conftest import Failing, Lifecycle, Updated


def test_a_file_becomes_the_remote_path_and_missing_folders_are_made(lifecycle: Lifecycle) -> None:
    assert (lifecycle.target / "new" / "folders" / "leaf").read_text() == "a leaf"


def test_a_file_goes_into_a_folder_that_is_there(lifecycle: Lifecycle) -> None:
    assert (lifecycle.target / "existing" / "leaf").read_text() == "a leaf"


def test_a_folder_goes_below_the_remote_path(lifecycle: Lifecycle) -> None:
    assert (lifecycle.target / "tree" / "source" / "leaf").read_text() == "a leaf"
    assert (lifecycle.target / "tree" / "source" / "branch" / "leaf").read_text() == "a leaf on a branch"


def test_a_folder_with_an_ending_slash_gives_its_contents(lifecycle: Lifecycle) -> None:
    assert (lifecycle.target / "contents" / "leaf").read_text() == "a leaf"
    assert (lifecycle.target / "contents" / "branch" / "leaf").read_text() == "a leaf on a branch"


def test_a_changed_source_is_copied_again(lifecycle: Lifecycle, updated: Updated) -> None:
    assert "c-text updat" in updated.ran.text
    assert (lifecycle.target / "text").read_text() == "second"


def test_a_changed_trigger_copies_again(lifecycle: Lifecycle, updated: Updated) -> None:
    assert "c-trigger creat" in updated.ran.text  # the file was removed before that run
    assert (lifecycle.target / "triggered").read_text() == "a leaf"


def test_destroy_leaves_what_was_copied(lifecycle: Lifecycle, updated: Updated) -> None:
    assert "37 deleted" in updated.destroyed.text
    assert (lifecycle.target / "new" / "folders" / "leaf").exists()


def test_a_folder_is_not_copied_onto_a_file(failing: Failing) -> None:
    assert failing.diagnostics("copy-onto-file")
    assert failing.a_file.read_text() == "kept"
