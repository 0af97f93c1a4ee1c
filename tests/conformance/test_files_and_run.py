"""`assetPaths`, `archivePaths` and the function `local.run`. Run against Freehold's stand-in (see conftest)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.conftest import SECRET, Failing
from tests.conformance.harness import Stack

from freehold.toolchain import Toolchain

PACKED = ["sub/key.secret", "sub/leaf", "sub/second"]


class Files:
    """After a preview, an `up`, one without a change, and one that looks for no files any more."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.preview = stack.run("preview", "--diff")
        self.runs_in_preview = self.runs()
        self.created, self.state, self.text = stack.up(), stack.state(), stack.state_text()
        self.exported: dict[str, Any] = json.loads(stack.run("stack", "output", "--json").text)
        self.unchanged = stack.up()
        self.runs_in_all = self.runs()
        stack.up(look=False, digest="2", check=False)
        self.without = stack.state()["left"]["outputs"]

    def runs(self) -> int:
        journal = self.folder / "journal"
        return len(journal.read_text().splitlines()) if journal.exists() else 0

    def left(self, name: str) -> Any:
        return self.state["left"]["outputs"][name]


@pytest.fixture(scope="module")
def files(toolchain: Toolchain, connection: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    within = folder / "within"
    for name in ("leaf", "sub/leaf", "sub/second", "sub/key.secret"):
        (within / name).parent.mkdir(parents=True, exist_ok=True)
        (within / name).write_text(f"text of {name}")
    (folder / "stack").mkdir()
    paths = {"folder": str(within), "target": str(folder), "journal": str(folder / "journal")}
    settings = {**connection, **paths, "look": True, "digest": "1", "packed": PACKED, "secret": SECRET}
    return Files(Stack.of(toolchain, "files", folder / "stack", settings), folder)


def test_assets_are_the_files_that_the_rules_leave(files: Files) -> None:
    assets = files.left("assets")
    assert sorted(assets) == ["leaf", "sub/leaf", "sub/second"]
    assert assets["sub/leaf"]["path"] == str(files.folder / "within" / "sub" / "leaf")


def test_an_archive_holds_the_files_that_its_rules_leave(files: Files) -> None:
    assert sorted(files.left("archive")["assets"]) == PACKED


def test_nothing_found_is_empty_and_no_failure(files: Files) -> None:
    outputs = files.state["left-nothing"]["outputs"]
    assert outputs["assets"] == {}
    assert outputs["archive"]["assets"] == {}


def test_digests_are_those_of_pulumis_engine(files: Files) -> None:
    asset, archive = files.state["engine"]["inputs"]["triggers"]
    assert files.left("assets")["leaf"]["hash"] == asset["hash"]
    assert files.left("archive")["hash"] == archive["hash"]
    assert files.left("assets")["sub/leaf"]["hash"] != asset["hash"]


def test_an_asset_feeds_another_resource(files: Files) -> None:
    assert (files.folder / "fed").read_text() == "text of sub/leaf"


def test_an_update_that_looks_for_none_drops_the_files_of_the_last_run(files: Files) -> None:
    """By its source the official plugin keeps them, without their contents; the Python SDK cannot read such assets."""
    assert not {"assets", "archive"} & files.without.keys()


def test_a_file_that_cannot_be_read_fails_the_resource(failing: Failing) -> None:
    assert failing.diagnostics("no-asset")
    assert (failing.folder.parent / "files" / "link").is_symlink()  # the command itself ran


def test_a_function_runs_in_every_preview_and_update(files: Files) -> None:
    assert files.runs_in_preview == 1
    assert files.runs_in_all == 3
    assert "unchanged" in files.unchanged.text


def test_a_function_is_given_all_that_a_command_is(files: Files) -> None:
    folder = files.folder / "within"
    assert files.exported["stdout"] == f"read a {folder}"
    assert files.exported["stderr"] == "warned"
    assert files.exported["command"].startswith("import os")
    assert files.exported["assets"] == {"leaf": str(folder / "leaf")}
    assert files.exported["archive"] == ["leaf"]


def test_a_function_waits_for_what_it_depends_on(files: Files) -> None:
    assert "after left" not in files.preview.text  # not known before the update
    assert files.exported["after"] == "after left"


def test_a_secret_that_a_function_is_given_marks_what_it_returns(files: Files) -> None:
    """The SDK's doing. It takes the mark away before the plugin sees it, so only `logging` keeps it out of the log."""
    assert SECRET not in files.preview.text + files.created.text
    assert SECRET not in files.text


def test_a_function_that_fails_says_why(files: Files) -> None:
    assert "exit status 3" in files.exported["failed"]
    assert "the reason" in files.exported["failed"]
