"""One valid configuration, its bundle and its world; a test breaks what it is about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from freehold.fleet import document as documents
from freehold.fleet import reading
from freehold.fleet.checks import World

DATA = Path(__file__).resolve().parents[2] / "data" / "fleet"
KEY = "k" * 43


@pytest.fixture
def stack_text() -> str:
    return (DATA / "stack.yaml").read_text(encoding="utf-8")


@pytest.fixture
def config(stack_text: str) -> dict[str, Any]:
    """Keys without namespace, secrets opened: what :func:`freehold.fleet.reading.read` sees."""
    loaded = yaml.safe_load(stack_text)["config"]
    data = {key.removeprefix("fleet:"): value for key, value in loaded.items()}
    return {**data, "api_keys": {"operator": KEY}, "digest_key": "d" * 43}


@pytest.fixture
def bundle() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((DATA / "bundle.json").read_text(encoding="utf-8"))
    return data


@pytest.fixture
def world(bundle: dict[str, Any]) -> World:
    keys = json.loads((DATA / "keys.json").read_text(encoding="utf-8"))
    return World(lambda *_: bundle, lambda _: None, {"example", "lab"}, lambda _: keys)


@pytest.fixture
def document(config: dict[str, Any], world: World) -> dict[str, Any]:
    read = reading.read(reading.Raw(config), world)
    return documents.build(read.settings, read.bundle, read.keys, "test")
