"""The store serves what was checked, finds what was altered, and refuses before it would fill the disk."""

from __future__ import annotations

import grp
import os
from pathlib import Path

import pytest

from freehold.errors import FreeholdErrors, IntegrityError, LockedError, RefusedError, UsageError
from freehold.weights.digests import sha256_bytes
from freehold.weights.manifest import FileEntry, ModelManifest
from freehold.weights.store import MARGIN, Space, Store

GGUF = b"GGUF one"


def model(data: bytes = GGUF, name: str = "tiny", path: str = "model.gguf") -> ModelManifest:
    return ModelManifest(name, "chat", "gguf", "MIT", "test", 8, (FileEntry(path, len(data), sha256_bytes(data)),))


def put(store: Store, data: bytes = GGUF, name: str = "tiny") -> ModelManifest:
    manifest = model(data, name)
    store.prepare()
    part = store.partial(manifest.files[0].sha256)
    part.write_bytes(data)
    store.admit(part, manifest.files[0])
    store.link(manifest)
    return manifest


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_a_linked_model_is_served_and_verified(store: Store) -> None:
    manifest = put(store)
    assert store.names() == ["tiny"]
    assert store.has(manifest)
    assert (store.root / "models/tiny/files/model.gguf").read_bytes() == GGUF
    assert store.verify("tiny", digest=manifest.digest) == manifest


def test_one_flipped_byte_is_found_and_the_file_named(store: Store) -> None:
    manifest = put(store)
    blob = store.blob(manifest.files[0].sha256)
    blob.write_bytes(b"GGUF onf")
    with pytest.raises(IntegrityError, match="WEIGHTS_DIGEST") as caught:
        store.verify("tiny")
    assert caught.value.subject.endswith("tiny/files/model.gguf")


def test_a_file_that_was_replaced_or_removed_is_found(store: Store) -> None:
    put(store)
    served = store.root / "models/tiny/files/model.gguf"
    served.unlink()
    with pytest.raises(IntegrityError):
        store.verify("tiny")
    served.symlink_to("/etc/hostname")
    with pytest.raises(IntegrityError, match="WEIGHTS_EXTRA_FILE"):
        store.verify("tiny")


def test_a_file_beside_the_manifest_is_found(store: Store) -> None:
    put(store)
    (store.root / "models/tiny/files/modeling.py").write_text("print()")
    with pytest.raises(IntegrityError, match="WEIGHTS_EXTRA_FILE"):
        store.verify("tiny")


def test_all_faults_are_told_together(store: Store) -> None:
    manifest = put(store)
    store.blob(manifest.files[0].sha256).write_bytes(b"GGUF two")
    (store.root / "models/tiny/files/extra.json").write_text("{}")
    with pytest.raises(FreeholdErrors) as caught:
        store.verify("tiny")
    assert len(caught.value.errors) == 2
    assert caught.value.exit_code == 4


def test_an_altered_manifest_is_found_by_the_expected_digest(store: Store) -> None:
    expected = put(store).digest
    put(store, b"GGUF two")
    store.verify("tiny")
    with pytest.raises(IntegrityError, match="WEIGHTS_DIGEST"):
        store.verify("tiny", digest=expected)


def test_what_arrives_with_another_digest_never_becomes_a_blob(store: Store) -> None:
    store.prepare()
    file = model().files[0]
    store.partial(file.sha256).write_bytes(b"GGUF bad")
    with pytest.raises(IntegrityError, match=r"model\.gguf"):
        store.admit(store.partial(file.sha256), file)
    assert not store.partial(file.sha256).exists()
    assert not store.blob(file.sha256).exists()


def test_a_new_state_replaces_the_old_one_and_prune_removes_it(store: Store) -> None:
    old = put(store)
    new = put(store, b"GGUF two")
    assert store.manifest("tiny") == new
    assert store.blob(old.files[0].sha256).exists()
    assert store.prune() == len(GGUF)
    assert not store.blob(old.files[0].sha256).exists()
    assert store.verify("tiny") == new


def test_prune_removes_a_blob_that_somebody_else_links_to(store: Store, tmp_path: Path) -> None:
    old = put(store).files[0]
    os.link(store.blob(old.sha256), tmp_path / "bundles")
    put(store, b"GGUF two")
    assert store.prune() == 0
    assert not store.blob(old.sha256).exists()
    assert (tmp_path / "bundles").read_bytes() == GGUF


def test_a_model_with_code_is_not_linked_and_the_old_state_serves_on(store: Store) -> None:
    old = put(store)
    bad = model(b"print()", path="modeling.py")
    store.blob(bad.files[0].sha256).write_bytes(b"print()")
    with pytest.raises(RefusedError, match="WEIGHTS_UNSAFE_FILE"):
        store.link(bad)
    assert store.manifest("tiny") == old


def test_too_little_space_is_refused_beforehand(store: Store) -> None:
    store.prepare()
    files = [FileEntry("m.gguf", 1000, "0" * 64)]
    for space in (Space(MARGIN + 999, None), Space(1 << 40, 5)):
        with pytest.raises(RefusedError, match="WEIGHTS_NO_SPACE"):
            store.require_space(files, lambda _, space=space: space)  # type: ignore[misc]
    store.require_space(files, lambda _: Space(MARGIN + 1000, 6))
    store.partial("0" * 64).write_bytes(b"x" * 10)
    store.require_space(files, lambda _: Space(MARGIN + 990, None))


def test_two_writers_at_once_are_kept_apart(store: Store) -> None:
    with store.lock(), pytest.raises(LockedError, match="WEIGHTS_STORE_LOCKED"), store.lock():
        pass
    with store.lock():
        pass


def test_a_damaged_blob_is_fetched_again_before_it_is_linked(store: Store) -> None:
    manifest = put(store)
    store.blob(manifest.files[0].sha256).write_bytes(b"GGUF bad")
    assert store.missing(manifest) == list(manifest.files)
    assert not store.blob(manifest.files[0].sha256).exists()


def test_unknown_and_hostile_names(store: Store) -> None:
    put(store)
    with pytest.raises(RefusedError, match="WEIGHTS_UNKNOWN_MODEL") as caught:
        store.verify("other")
    assert caught.value.expected == "tiny"
    with pytest.raises(UsageError):
        store.verify("../../etc")


def test_access_changed_by_hand_is_seen_and_mended(store: Store) -> None:
    manifest = put(store)
    served = store.root / "models/tiny/files/model.gguf"
    served.chmod(0o666)
    assert not store.has(manifest)
    store.link(manifest)
    assert served.stat().st_mode & 0o777 == 0o644
    assert store.has(manifest)


def test_with_a_group_others_cannot_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", group=grp.getgrgid(os.getgid()).gr_name)
    manifest = put(store)
    assert store.blob(manifest.files[0].sha256).stat().st_mode & 0o777 == 0o640
    assert store.root.stat().st_mode & 0o777 == 0o750
    assert (store.root / "models/tiny").stat().st_mode & 0o777 == 0o750
