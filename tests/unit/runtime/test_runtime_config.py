"""A runtime's settings are refused as a whole, with every error in them, or taken as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runtime.launched import settings

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.runtime.config import read


def write(folder: Path, **changed: Any) -> Path:
    (folder / "model.gguf").write_bytes(b"GGUF")
    path = folder / "runtime.json"
    path.write_text(json.dumps({**settings(folder / "model.gguf", 18000), **changed}))
    return path


def test_good_settings_are_read(tmp_path: Path) -> None:
    config = read(write(tmp_path))
    assert (config.alias, config.port, config.context, config.mode) == ("tiny", 18000, 64, "chat")


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("host", "0.0.0.0", "CONFIG_BAD_VALUE"),  # noqa: S104  refused, which is the point
        ("host", "localhost", "CONFIG_BAD_VALUE"),
        ("port", 0, "CONFIG_BAD_VALUE"),
        ("port", 70_000, "CONFIG_BAD_VALUE"),
        ("threads", "2", "CONFIG_BAD_VALUE"),
        ("parallel", 0, "CONFIG_BAD_VALUE"),
        ("context", 1.5, "CONFIG_BAD_VALUE"),
        ("mode", "vision", "CONFIG_BAD_VALUE"),
        ("alias", "", "CONFIG_BAD_VALUE"),
        ("model", "model.gguf", "MODEL_MISSING"),
        ("model", "/nowhere/model.gguf", "MODEL_MISSING"),
        ("gpu_layers", 3, "CONFIG_UNKNOWN_KEY"),
    ],
)
def test_each_wrong_value_is_named(tmp_path: Path, name: str, value: Any, code: str) -> None:
    with pytest.raises(FreeholdError) as caught:
        read(write(tmp_path, **{name: value}))
    assert caught.value.code == code
    assert caught.value.subject.endswith(f"runtime.json: {name}")


def test_all_errors_come_together(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    path.write_text("{}")
    with pytest.raises(FreeholdErrors) as caught:
        read(path)
    assert len(caught.value.errors) == 8
