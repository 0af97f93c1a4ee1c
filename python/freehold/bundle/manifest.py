"""The list of everything in a bundle, each file with its size and digest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from freehold.bundle.layout import MANIFEST, SIGNATURE
from freehold.errors import IntegrityError
from freehold.weights.digests import readable_json, sha256_bytes, sha256_file
from freehold.weights.manifest import FileEntry, file_faults

SCHEMA = 1


@dataclass(frozen=True)
class BundleManifest:
    """One state of a bundle. ``serial`` rises with every change: an older bundle can be told from a newer one."""

    serial: int
    files: tuple[FileEntry, ...]

    def dump(self) -> bytes:
        """The bytes of ``manifest.json``."""
        return readable_json({"schema": SCHEMA, "serial": self.serial, "files": [asdict(file) for file in self.files]})

    @property
    def sha256(self) -> str:
        """The one digest that everything in the bundle hangs on."""
        return sha256_bytes(self.dump())

    def by_path(self) -> dict[str, FileEntry]:
        """The entries by path."""
        return {file.path: file for file in self.files}


def read_manifest(folder: Path) -> BundleManifest:
    """Read and check ``manifest.json`` of the bundle in ``folder``. Raises :class:`IntegrityError`."""
    path = folder / MANIFEST
    if not path.is_file():
        raise _invalid(path, "there is none")
    data = path.read_bytes()
    try:
        document = json.loads(data)
    except ValueError as error:
        raise _invalid(path, f"not JSON: {error}") from error
    faults = list(_faults(document))
    if faults:
        raise _invalid(path, "; ".join(faults[:5]))
    manifest = BundleManifest(document["serial"], tuple(FileEntry(**file) for file in document["files"]))
    if manifest.dump() != data:
        raise _invalid(path, "not in the one form that a bundle's manifest has")
    return manifest


def _faults(document: Any) -> Iterator[str]:
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        yield f"schema is not {SCHEMA}"
        return
    if type(document.get("serial")) is not int or document["serial"] < 1:
        yield f"serial is {document.get('serial')!r}"
    files = document.get("files")
    if not isinstance(files, list):
        yield "files is not a list"
        return
    for number, file in enumerate(files):
        yield from (f"files[{number}] {fault}" for fault in file_faults(file))
    paths = [str(file.get("path")) for file in files if isinstance(file, dict)]
    if paths != sorted(set(paths)):
        yield "files are not sorted by path, each once"


def _invalid(path: Path, found: str) -> IntegrityError:
    return IntegrityError(
        "BUNDLE_MANIFEST_INVALID",
        str(path),
        found,
        expected="a bundle manifest of schema 1",
        why="without it nothing in the bundle can be told from something else",
        fix="freehold bundle build",
    )


def walk(folder: Path) -> Iterator[str]:
    """Paths of everything in a bundle that is not a folder, manifest and signature apart, sorted."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    yield from sorted(
        name for path in paths if (name := path.relative_to(folder).as_posix()) not in {MANIFEST, SIGNATURE}
    )


def scan(folder: Path, known: Iterable[FileEntry] = ()) -> tuple[FileEntry, ...]:
    """The entries of what lies in ``folder``; the files of ``known`` are not read again."""
    entries = {entry.path: entry for entry in known}
    return tuple(entries.get(path) or _entry(folder, path) for path in walk(folder))


def _entry(folder: Path, path: str) -> FileEntry:
    file = folder / path
    return FileEntry(path, file.stat().st_size, sha256_file(file))
