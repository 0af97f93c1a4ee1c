"""What may be in a model folder: tensors and the tables that go with them. Nothing that anybody could execute.

A checkpoint is data, but several loaders run what lies beside it: ``modeling_*.py`` named by ``auto_map``, and pickles,
which are programs for a small machine. So a suffix must be on the list below, and what a name promises is looked at.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz"})
CODE = frozenset({".py", ".pyc", ".so", ".sh", ".js", ".dll", ".exe", ".ipynb"})
ALLOWED = frozenset({".safetensors", ".gguf", ".json", ".jsonl", ".txt", ".model", ".tiktoken", ".jinja", ".md"})
ALLOWED_NAMES = frozenset({"LICENSE", "LICENCE", "NOTICE", "COPYING", "USE_POLICY"})

_JSON_LIMIT = 64 << 20
_HEADER_LIMIT = 256 << 20
_GGUF_MAGIC = b"GGUF"
_LENGTH = struct.Struct("<Q")


def name_fault(path: str) -> str:
    """Why a file of this name may not be in a model; empty when it may."""
    name = PurePosixPath(path).name
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in CODE:
        return "is code: a checkpoint must not bring any"
    if suffix in PICKLES:
        return "can be a pickle, which runs code when it is loaded; convert it to safetensors or GGUF"
    if suffix not in ALLOWED and name not in ALLOWED_NAMES:
        return "is of a kind that no loader here needs"
    return ""


def content_fault(file: Path, path: str) -> str:
    """Why the content of ``file``, which is to be ``path`` in a model, is refused; empty when it is not."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix == ".json":
        return _json_fault(file)
    if suffix == ".gguf":
        return "" if _first(file, 4) == _GGUF_MAGIC else "is not GGUF inside"
    if suffix == ".safetensors":
        return "" if _is_safetensors(file) else "is not safetensors inside"
    return ""


def _first(file: Path, count: int) -> bytes:
    with file.open("rb") as stream:
        return stream.read(count)


def _is_safetensors(file: Path) -> bool:
    """A length, then a JSON object of that length: enough to tell it from a pickle or an archive."""
    with file.open("rb") as stream:
        head = stream.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            return False
        (length,) = _LENGTH.unpack(head)
        return 0 < length <= min(_HEADER_LIMIT, file.stat().st_size - _LENGTH.size) and stream.read(1) == b"{"


def _json_fault(file: Path) -> str:
    if file.stat().st_size > _JSON_LIMIT:
        return "is JSON of more than 64 MiB"
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return "is not JSON inside"
    return "names code to load (auto_map)" if "auto_map" in _keys(document) else ""


def _keys(document: Any) -> Iterator[str]:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
