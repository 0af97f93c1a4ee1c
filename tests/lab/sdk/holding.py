"""Holding the talks where the clients are, and reading what came of them."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from tests.lab.world import Document, Outside

START = '{"'
"""How a call begins with the chat template of python/freehold/lab/tools.jinja."""


def ask_of(endpoint: str, key: str, document: Document) -> dict[str, str]:
    """What a talk is told of the lab."""
    names = {model["kind"]: model["name"] for model in document["models"]}
    engines = {model["kind"]: model["engine"] for model in document["models"]}
    start = START if engines["chat"] == "llama_cpp" else ""
    url = endpoint.removesuffix("/v1")
    return {"url": url, "key": key, "chat": names["chat"], "embedding": names["embedding"], "start": start}


def held(outside: Outside, script: str, asked: dict[str, str]) -> dict[str, Any]:
    """Run a script of this folder outside; returns what it printed."""
    done = outside(sys.executable, "-m", f"tests.lab.sdk.{script}", stdin=json.dumps(asked))
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def knows_tools(told: dict[str, Any]) -> None:
    """Skip where the runtime was not started for tools: llama.cpp answers in prose then, vLLM asks for a parser."""
    if told["tool"].get("plain") == []:
        pytest.skip("the runtime's chat template knows no tools; start it with python/freehold/lab/tools.jinja")
    if "tool-call-parser" in told["tool"].get("says", ""):
        pytest.skip("vLLM runs without tool-call-parser and enable-auto-tool-choice")
