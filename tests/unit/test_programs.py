"""A test's program is found, or its test fails."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from tests import programs


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that has no such program: its Python's folder, for a test to fill."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    return tmp_path


def test_a_program_that_the_environment_brought_is_found_beside_python(bare: Path) -> None:
    (bare / "promtool").touch()
    assert programs.program("promtool") == str(bare / "promtool")


@pytest.mark.usefixtures("bare")
def test_a_machine_without_it_fails_and_says_what_brings_it() -> None:
    with pytest.raises(AssertionError, match="promtool is missing: `make environment-dev` brings it"):
        programs.program("promtool")
