"""What the stand-in does not do answers with what to do instead; tests/unit/pulumi_command has every case."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conformance.conftest import STAND_IN
from tests.conformance.harness import Stack

from freehold.toolchain import Toolchain


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refused")


@pytest.fixture(scope="module")
def stack(toolchain: Toolchain, plugin: str, folder: Path) -> Stack:
    if plugin != STAND_IN:
        pytest.skip("the official plugin implements these")
    return Stack.of(toolchain, "refused", folder, {})


@pytest.mark.parametrize(
    ("case", "what"),
    [
        ("proxy", "connection.proxy"),
        ("resource", "resource command:remote:CopyFile"),
        ("function", "function command:local:run"),
    ],
)
def test_a_preview_already_refuses_and_says_what_to_do(stack: Stack, case: str, what: str) -> None:
    stack.settings["case"] = case
    ran = stack.run("preview", check=False)
    assert ran.returncode != 0
    assert f"{what} is not implemented by Freehold's stand-in" in ran.text
    assert "install the official plugin `command` 1.2.1" in ran.text
