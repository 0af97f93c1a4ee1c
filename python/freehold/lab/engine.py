"""What the lab serves with: llama.cpp, or with ``FREEHOLD_LAB_ENGINE=vllm`` the real vLLM on the CPU."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from freehold.bundle.layout import NODE_SETS
from freehold.errors import UsageError

VARIABLE = "FREEHOLD_LAB_ENGINE"

TOOLS = Path(__file__).with_name("tools.jinja")
"""SmolLM2's own template does not know tools, and an engine would drop them without a word."""

Model = Mapping[str, Any]


@dataclass(frozen=True)
class LabEngine:
    """The sets of the lab's bundle, and the models of its stack."""

    name: str
    sets: tuple[str, ...]
    models: tuple[Model, ...]


LLAMA_CPP = LabEngine(
    "llama_cpp",
    NODE_SETS,
    (
        # One thread: two of them fall to a fifth of the speed beside any other work on two cores (measured).
        {
            "name": "smollm2-135m-instruct",
            "engine": "llama_cpp",
            "context": 2048,
            "threads": 1,
            "parallel": 2,
        },
        {"name": "all-minilm-l6-v2", "engine": "llama_cpp", "threads": 1, "parallel": 2},
    ),
)

# Eager: compiling the graphs needs a C++ compiler and takes minutes of all cores, for a model that is asked ten things.
# A quarter of a GiB of cache: by default it would take 92 % of the machine's memory, for each model.
_MODEST = {"enforce-eager": True, "kv-cache-memory-bytes": 1 << 28}
VLLM = LabEngine(
    "vllm",
    ("agent", "gateway", "vllm=vllm_cpu"),
    (
        {
            "name": "smollm2-135m-instruct",
            "engine": "vllm",
            "context": 2048,
            "parallel": 2,
            "gpus": [0],  # it computes on the CPU, but it is configured as on a GPU
            "extra_arguments": {**_MODEST, "enable-auto-tool-choice": True, "tool-call-parser": "hermes"},
        },
        # Its tokenizer's own limit; llama.cpp takes the 512 of its positions.
        {
            "name": "all-minilm-l6-v2",
            "engine": "vllm",
            "context": 256,
            "parallel": 2,
            "gpus": [1],
            "extra_arguments": _MODEST,
        },
    ),
)
ENGINES = {one.name: one for one in (LLAMA_CPP, VLLM)}


def lab_engine(environ: Mapping[str, str] = os.environ) -> LabEngine:
    """The engine in force. Raises :class:`UsageError` for one that there is not."""
    name = environ.get(VARIABLE) or LLAMA_CPP.name
    if name not in ENGINES:
        raise UsageError("LAB_ENGINE", VARIABLE, repr(name), expected=" or ".join(ENGINES), fix="unset it")
    return _with_tools(ENGINES[name])


def _with_tools(engine: LabEngine) -> LabEngine:
    chat, *others = engine.models
    return replace(engine, models=({**chat, "chat_template": TOOLS.read_text(encoding="utf-8")}, *others))
