"""The internal key is found where the supervisor puts it, or the service does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.errors import RefusedError
from freehold.service.credentials import internal_key

KEY = "k" * 43


def test_found_in_the_credentials_folder_or_in_the_file_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "internal-key").write_text(KEY + "\n")
    assert internal_key(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}) == KEY
    assert internal_key(tmp_path / "internal-key", environ={}) == KEY


@pytest.mark.parametrize("content", ["", "short", "k" * 20 + " " + "k" * 20, "k" * 31 + "\n\n", "ü" * 40])
def test_a_key_that_is_none_is_refused_and_not_shown(tmp_path: Path, content: str) -> None:
    (tmp_path / "internal-key").write_text(content)
    with pytest.raises(RefusedError) as caught:
        internal_key(environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert caught.value.code.startswith("INTERNAL_KEY_")
    assert "kkkkk" not in str(caught.value)


@pytest.mark.parametrize("environ", [{}, {"CREDENTIALS_DIRECTORY": "/nowhere"}])
def test_a_key_that_is_not_there(environ: dict[str, str]) -> None:
    with pytest.raises(RefusedError) as caught:
        internal_key(environ=environ)
    assert caught.value.code == "INTERNAL_KEY_MISSING"
    assert caught.value.exit_code == 3
