"""What a model consists of. A manifest is read from a web server or a disk, so nothing in it is believed unchecked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from freehold.errors import IntegrityError
from freehold.weights.digests import canonical_json, readable_json, sha256_bytes

SCHEMA = 1
KINDS = ("chat", "embedding")
FORMATS = ("gguf", "safetensors")

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PATH_LIMIT = 255


@dataclass(frozen=True)
class FileEntry:
    """One file of a model or a bundle; ``path`` is relative to its folder, with forward slashes."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ModelManifest:
    """One model. ``context`` is the longest input in tokens it is meant for; ``source`` is where it is from."""

    name: str
    kind: str
    format: str
    licence: str
    source: str
    context: int
    files: tuple[FileEntry, ...]

    @property
    def digest(self) -> str:
        """Digest of the files' list: the same weights have the same digest, whoever packed them."""
        return sha256_bytes(canonical_json([asdict(file) for file in self.files]))

    @property
    def total_bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    def as_dict(self) -> dict[str, Any]:
        """The document that is stored, with the digest."""
        return {"schema": SCHEMA, **asdict(self), "files": [asdict(f) for f in self.files], "digest": self.digest}

    def dump(self) -> bytes:
        """The bytes of the manifest's file."""
        return readable_json(self.as_dict())


def valid_name(name: str) -> bool:
    """Whether ``name`` can be a model's: it becomes a folder, a unit's instance and a metric's label."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def path_fault(path: str) -> str:
    """Why ``path`` may not be a file's place in a model or a bundle; empty when it may."""
    parts = PurePosixPath(path).parts
    if not parts or len(path) > _PATH_LIMIT:
        return "is empty or too long"
    if path.startswith("/") or "\\" in path or str(PurePosixPath(path)) != path:
        return "is not a plain relative path"
    if ".." in parts:
        return "leaves its folder"
    if any(ord(character) < ord(" ") for character in path):
        return "has control characters"
    return ""


def parse_manifest(data: bytes | dict[str, Any], subject: str) -> ModelManifest:
    """Read a manifest and check all of it. Raises :class:`IntegrityError` naming ``subject`` and every fault."""
    document = _decode(data, subject)
    faults = list(_faults(document))
    if not faults:
        manifest = _build(document)
        faults = list(_cross_faults(manifest, document["digest"]))
        if not faults:
            return manifest
    raise IntegrityError(
        "WEIGHTS_MANIFEST_INVALID",
        subject,
        "; ".join(faults),
        expected="a model manifest of schema 1",
        why="a manifest decides which bytes are loaded and where they are written",
        fix="build the bundle again on the control host: freehold bundle build",
    )


def _decode(data: bytes | dict[str, Any], subject: str) -> dict[str, Any]:
    if isinstance(data, dict):
        return data
    try:
        document = json.loads(data)
    except ValueError as error:
        raise IntegrityError("WEIGHTS_MANIFEST_INVALID", subject, f"not JSON: {error}", expected="JSON") from error
    return document if isinstance(document, dict) else {}


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "schema": lambda value: value == SCHEMA,
    "name": lambda value: isinstance(value, str) and valid_name(value),
    "kind": lambda value: value in KINDS,
    "format": lambda value: value in FORMATS,
    "licence": lambda value: isinstance(value, str) and bool(value.strip()),
    "source": lambda value: isinstance(value, str) and bool(value.strip()),
    "context": lambda value: type(value) is int and value > 0,
    "files": lambda value: isinstance(value, list) and bool(value),
    "digest": lambda value: isinstance(value, str) and _DIGEST.fullmatch(value) is not None,
}


def _faults(document: dict[str, Any]) -> Iterator[str]:
    for name, good in _FIELDS.items():
        if not good(document.get(name)):
            yield f"{name} is {str(document.get(name))[:80]!r}"
    files = document.get("files")
    for number, file in enumerate(files if isinstance(files, list) else ()):
        yield from (f"files[{number}] {fault}" for fault in file_faults(file))


def file_faults(file: Any) -> Iterator[str]:
    """What is wrong with one ``{"path", "bytes", "sha256"}``."""
    if not isinstance(file, dict) or set(file) != {"path", "bytes", "sha256"}:
        yield "is not path, bytes and sha256"
        return
    if not isinstance(file["path"], str) or (fault := path_fault(file["path"])):
        yield f"path {str(file['path'])[:80]!r} {fault if isinstance(file['path'], str) else 'is not text'}"
    if type(file["bytes"]) is not int or file["bytes"] < 0:
        yield f"bytes is {file['bytes']!r}"
    if not isinstance(file["sha256"], str) or not _DIGEST.fullmatch(file["sha256"]):
        yield "sha256 is not 64 hexadecimal digits"


def _build(document: dict[str, Any]) -> ModelManifest:
    values = {name: document[name] for name in _FIELDS if name not in {"schema", "digest", "files"}}
    return ModelManifest(**values, files=tuple(FileEntry(**file) for file in document["files"]))


def _cross_faults(manifest: ModelManifest, digest: str) -> Iterator[str]:
    paths = [file.path for file in manifest.files]
    if paths != sorted(set(paths)):
        yield "files are not sorted by path, each once"
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    yield from (f"{path!r} is a file and a folder" for path in paths if path in folders)
    if manifest.digest != digest:
        yield f"digest is {digest[:12]}… but the files' list has {manifest.digest[:12]}…"
