"""A model folder brings tensors and tables; code and pickles are refused by name and by content."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.weights.rules import content_fault, name_fault


@pytest.mark.parametrize(
    "path",
    [
        "modeling_x.py",
        "pytorch_model.bin",
        "a/b.pt",
        "x.PKL",
        "run.sh",
        "lib.so",
        "weights.ckpt",
        "odd.xyz",
        "Makefile",
    ],
)
def test_names_that_are_refused(path: str) -> None:
    assert name_fault(path)


@pytest.mark.parametrize(
    "path", ["model.safetensors", "m.gguf", "config.json", "vocab.txt", "tokenizer.model", "LICENSE"]
)
def test_names_that_are_good(path: str) -> None:
    assert not name_fault(path)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("config.json", b'{"auto_map": {"AutoModel": "modeling_x.X"}}'),
        ("tokenizer_config.json", b'{"a": [{"b": {"auto_map": {}}}]}'),
        ("config.json", b"\x80\x04\x95pickle"),
        ("config.json", b"[" * 100_000),
        ("model.gguf", b"\x80\x04\x95pickle"),
        ("model.safetensors", b"\x80\x04\x95pickle, and long enough to have a header"),
        ("model.safetensors", b"PK\x03\x04"),
        ("model.safetensors", (9999).to_bytes(8, "little") + b"{}"),
    ],
)
def test_content_that_is_not_what_the_name_says_is_refused(tmp_path: Path, path: str, data: bytes) -> None:
    (tmp_path / path).write_bytes(data)
    assert content_fault(tmp_path / path, path)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("config.json", b'{"hidden_size": 8}'),
        ("model.gguf", b"GGUF\x03"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"{}"),
        ("README.md", b"anything"),
    ],
)
def test_content_that_is_good(tmp_path: Path, path: str, data: bytes) -> None:
    (tmp_path / path).write_bytes(data)
    assert not content_fault(tmp_path / path, path)
