"""The owner's weights come in with where they are from, and without code."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.errors import FreeholdErrors, RefusedError, UsageError
from freehold.weights.fetch import Fetched
from freehold.weights.owned import Origin, import_model
from freehold.weights.store import Space, Store

ORIGIN = Origin("chat", "Llama-3.3", "the vendor's site, 2026-11-20", 8192)
TENSORS = (2).to_bytes(8, "little") + b"{}" + b"\0" * 100


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    (folder / "sub").mkdir(parents=True)
    (folder / "model-00001.safetensors").write_bytes(TENSORS)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "config.json").write_text('{"a": 1}')
    (folder / ".cache").mkdir()
    (folder / ".cache" / "note").write_text("a download tool's")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def bring(store: Store, path: Path, origin: Origin = ORIGIN, name: str = "llama") -> Fetched:
    return import_model(name, path, origin, store=store, report=lambda _: None)


def test_a_folder_comes_in_whole_without_what_is_hidden(store: Store, checkpoint: Path) -> None:
    assert bring(store, checkpoint).changed
    manifest = store.verify("llama")
    assert [file.path for file in manifest.files] == ["config.json", "model-00001.safetensors", "sub/config.json"]
    assert (manifest.format, manifest.licence, manifest.context) == ("safetensors", "Llama-3.3", 8192)
    assert not bring(store, checkpoint).changed


def test_one_gguf_file_is_a_model(store: Store, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    bring(store, tmp_path / "m.gguf")
    assert store.manifest("llama").format == "gguf"


def test_the_owners_file_can_change_without_changing_the_store(store: Store, checkpoint: Path) -> None:
    bring(store, checkpoint)
    (checkpoint / "model-00001.safetensors").write_bytes(TENSORS + b"!")
    store.verify("llama")
    assert bring(store, checkpoint).changed


def test_all_unsafe_files_are_named_together(store: Store, checkpoint: Path) -> None:
    (checkpoint / "modeling_llama.py").write_text("print()")
    (checkpoint / "optimizer.pt").write_bytes(b"\x80")
    (checkpoint / "generation_config.json").write_text('{"auto_map": {}}')
    (checkpoint / "link.json").symlink_to("/etc/hostname")
    (checkpoint / "folder").symlink_to("/etc")
    with pytest.raises(FreeholdErrors) as caught:
        bring(store, checkpoint)
    named = {error.subject.partition(": ")[2] for error in caught.value.errors}
    assert named == {"modeling_llama.py", "optimizer.pt", "generation_config.json", "link.json", "folder"}
    assert caught.value.exit_code == 3
    assert not store.root.exists()


def test_what_only_the_owner_knows_must_be_said(store: Store, checkpoint: Path) -> None:
    with pytest.raises(FreeholdErrors) as caught:
        bring(store, checkpoint, Origin("speech", "", " ", 0), "Bad Name")
    codes = [error.code for error in caught.value.errors]
    assert codes == ["WEIGHTS_NAME", "WEIGHTS_KIND", "WEIGHTS_LICENCE", "WEIGHTS_SOURCE", "WEIGHTS_CONTEXT"]
    with pytest.raises(UsageError, match="WEIGHTS_PATH"):
        bring(store, checkpoint / "nowhere")


def test_two_formats_or_none_are_refused(store: Store, checkpoint: Path) -> None:
    (checkpoint / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(RefusedError, match="WEIGHTS_FORMAT"):
        bring(store, checkpoint)
    for path in (*checkpoint.glob("*.gguf"), *checkpoint.glob("*.safetensors")):
        path.unlink()
    with pytest.raises(RefusedError, match="no tensors"):
        bring(store, checkpoint)


def test_an_empty_folder_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RefusedError, match="WEIGHTS_EMPTY"):
        bring(store, tmp_path / "empty")


def test_too_little_space_is_refused_beforehand(store: Store, checkpoint: Path) -> None:
    with pytest.raises(RefusedError, match="WEIGHTS_NO_SPACE"):
        import_model("llama", checkpoint, ORIGIN, store=store, report=lambda _: None, space=lambda _: Space(10, None))
    assert store.names() == []
