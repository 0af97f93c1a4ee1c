"""A model's manifest is believed only when all of it is in order."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.errors import IntegrityError
from freehold.weights.manifest import FileEntry, ModelManifest, parse_manifest, path_fault, valid_name

GOOD = ModelManifest(
    "tiny",
    "chat",
    "gguf",
    "MIT",
    "made for a test",
    128,
    (FileEntry("a/b.json", 2, "0" * 64), FileEntry("m.gguf", 3, "1" * 64)),
)


def test_a_manifest_survives_writing_and_reading() -> None:
    assert parse_manifest(GOOD.dump(), "x") == GOOD
    assert GOOD.total_bytes == 5


def test_the_digest_is_of_the_files_only() -> None:
    renamed = ModelManifest("other", "chat", "gguf", "MIT", "elsewhere", 64, GOOD.files)
    assert renamed.digest == GOOD.digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", 2),
        ("name", "../etc"),
        ("name", "Big"),
        ("kind", "vision"),
        ("format", "pickle"),
        ("licence", " "),
        ("source", ""),
        ("context", 0),
        ("context", True),
        ("files", []),
        ("files", [{"path": "m.gguf"}]),
        ("files", "m.gguf"),
        ("digest", "0" * 64),
        ("digest", "short"),
    ],
)
def test_each_wrong_value_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(IntegrityError, match="WEIGHTS_MANIFEST_INVALID") as caught:
        parse_manifest({**GOOD.as_dict(), key: value}, "x")
    assert key in caught.value.found


@pytest.mark.parametrize("data", [b"", b"[]", b"not json", b'"text"'])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        parse_manifest(data, "x")


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../up", "a/../../up", "a/./b", "a//b", "a\\b", ".", "a\nb", "a/", "x" * 300],
)
def test_paths_that_leave_the_folder_are_refused(path: str) -> None:
    assert path_fault(path)
    files = [{"path": path, "bytes": 1, "sha256": "0" * 64}]
    with pytest.raises(IntegrityError, match="WEIGHTS_MANIFEST_INVALID"):
        parse_manifest({**GOOD.as_dict(), "files": files}, "x")


@pytest.mark.parametrize("path", ["model.gguf", "1_Pooling/config.json", "a..b.json"])
def test_plain_paths_are_good(path: str) -> None:
    assert not path_fault(path)


def test_a_path_twice_or_below_a_file_is_refused() -> None:
    for paths in (("a.json", "a.json"), ("a", "a/b")):
        model = ModelManifest("t", "chat", "gguf", "MIT", "s", 1, tuple(FileEntry(path, 1, "0" * 64) for path in paths))
        with pytest.raises(IntegrityError):
            parse_manifest(model.dump(), "x")


def test_names() -> None:
    assert valid_name("llama-3.3-70b-instruct")
    assert not any(valid_name(name) for name in ("", ".", "..", "a..b", "-a", "a-", "a/b", "a b", "A", "x" * 64))
