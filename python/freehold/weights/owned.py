"""Weights that the owner brings: a folder or a file from their disk into a store, with where they are from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import FreeholdError, RefusedError, UsageError, raise_all
from freehold.steps import Report
from freehold.weights.digests import BLOCK, human_bytes, sha256_file
from freehold.weights.download import disk_full
from freehold.weights.fetch import Fetched
from freehold.weights.manifest import FORMATS, KINDS, FileEntry, ModelManifest, path_fault, valid_name
from freehold.weights.rules import content_fault, name_fault
from freehold.weights.store import Space, Store, free_space, unsafe


@dataclass(frozen=True)
class Origin:
    """What only the owner can say of a model. ``context`` is in tokens."""

    kind: str
    licence: str
    source: str
    context: int


def import_model(
    name: str,
    path: Path,
    origin: Origin,
    *,
    store: Store,
    report: Report,
    space: Callable[[Path], Space] = free_space,
) -> Fetched:
    """Copy the model at ``path`` into ``store`` and serve it from there. The owner's files are only read.

    Raises :class:`UsageError` for what was said of it, :class:`RefusedError` for what is in it; all faults together.
    """
    raise_all(list(_origin_faults(name, path, origin)))
    files = _files(path)
    raise_all(list(_file_faults(name, files)))
    report(f"{name}: reading {len(files)} files")
    listed = tuple(FileEntry(place, file.stat().st_size, sha256_file(file)) for place, file in sorted(files.items()))
    manifest = ModelManifest(name, format=_format(name, files), files=listed, **vars(origin))
    with store.lock():
        store.prepare()
        if store.has(manifest):
            return Fetched(name, manifest.digest, changed=False, downloaded_bytes=0)
        missing = store.missing(manifest)
        store.require_space(missing, space)
        for file in missing:
            report(f"{name}: copying {file.path}, {human_bytes(file.bytes)}")
            _copy(files[file.path], store.partial(file.sha256), file)
            store.admit(store.partial(file.sha256), file)
        store.link(manifest)
    return Fetched(name, manifest.digest, changed=True, downloaded_bytes=sum(file.bytes for file in missing))


def _origin_faults(name: str, path: Path, origin: Origin) -> Iterator[FreeholdError]:
    checks = (
        ("NAME", name, valid_name(name), "lower-case letters, digits, dots and hyphens"),
        ("PATH", str(path), path.is_file() or path.is_dir(), "a file or a folder"),
        ("KIND", origin.kind, origin.kind in KINDS, " or ".join(KINDS)),
        ("LICENCE", origin.licence, bool(origin.licence.strip()), "the licence, as an SPDX name if it has one"),
        ("SOURCE", origin.source, bool(origin.source.strip()), "where the weights are from: an address or a contract"),
        ("CONTEXT", str(origin.context), origin.context > 0, "the longest input in tokens"),
    )
    for what, found, good, expected in checks:
        if not good:
            yield UsageError(f"WEIGHTS_{what}", what.lower(), repr(found), expected=expected)


def _files(path: Path) -> dict[str, Path]:
    """Path in the model to file on disk. Hidden files (a download tool's notes) are not part of a model."""
    if path.is_file():
        return {path.name: path}
    found: dict[str, Path] = {}
    for folder, subfolders, names in os.walk(path, followlinks=False):
        links = [name for name in subfolders if (Path(folder) / name).is_symlink()]
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name not in links]
        for name in (*names, *links):
            if not name.startswith("."):
                found[(Path(folder) / name).relative_to(path).as_posix()] = Path(folder) / name
    return found


def _file_faults(name: str, files: dict[str, Path]) -> Iterator[FreeholdError]:
    if not files:
        yield RefusedError("WEIGHTS_EMPTY", name, "no file in the folder", expected="a checkpoint")
    for place, file in sorted(files.items()):
        if fault := path_fault(place) or _link_fault(file) or name_fault(place) or content_fault(file, place):
            yield unsafe(name, place, fault)


def _link_fault(file: Path) -> str:
    if file.is_symlink():
        return "is a symbolic link: copy the file itself, so that what is checked is what is served"
    return "" if file.is_file() else "is not a plain file"


def _format(name: str, files: dict[str, Path]) -> str:
    suffixes = {Path(place).suffix.lower().lstrip(".") for place in files}
    found = [kind for kind in FORMATS if kind in suffixes]
    if len(found) != 1:
        raise RefusedError(
            "WEIGHTS_FORMAT",
            name,
            " and ".join(found) or "no tensors",
            expected=f"files of exactly one of {', '.join(FORMATS)}",
            fix="leave out the format that the engine will not read",
        )
    return found[0]


def _copy(source: Path, part: Path, file: FileEntry) -> None:
    try:
        with source.open("rb") as reading, part.open("wb") as writing:
            shutil.copyfileobj(reading, writing, BLOCK)
    except OSError as error:
        raise disk_full(part, file, error) from error
