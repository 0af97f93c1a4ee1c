"""The fleet document is complete, holds no secret, fits its schema, and a document that does not is refused."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from freehold.errors import RefusedError
from freehold.fleet import document as documents
from freehold.fleet import document_schema

SECRET = "k" * 43


def test_the_schema_file_is_that_of_the_code() -> None:
    assert json.loads(document_schema.SCHEMA_FILE.read_text(encoding="utf-8")) == document_schema.schema()


def test_the_document_fits_its_schema(document: dict[str, Any]) -> None:
    jsonschema.validate(document, document_schema.schema())


def test_models_are_completed_from_the_weights(document: dict[str, Any]) -> None:
    chat, embedding = document["models"]
    assert (chat["kind"], chat["port"], chat["context"]) == ("chat", 18000, 2048)
    assert (embedding["kind"], embedding["port"], embedding["context"]) == ("embedding", 18100, 512)


def test_a_client_key_is_there_as_its_sha256_only(document: dict[str, Any]) -> None:
    (key,) = document["gateway"]["keys"]
    assert (key["name"], key["sha256"]) == ("operator", hashlib.sha256(SECRET.encode()).hexdigest())
    assert SECRET not in json.dumps(document)
    assert "d" * 43 not in json.dumps(document)


def test_the_bundles_package_list_stays_out(document: dict[str, Any]) -> None:
    assert "packages" not in document["bundle"]
    assert document["bundle"]["url"] == "http://192.0.2.1:8480"


def test_export_writes_document_and_pinned_keys(document: dict[str, Any], tmp_path: Path) -> None:
    path = documents.export(document, tmp_path / "export")
    assert documents.load(path) == document
    lines = path.with_name("known_hosts").read_text().splitlines()
    assert lines[0].startswith("192.0.2.11 ssh-ed25519 ")
    assert lines[1].startswith("[192.0.2.12]:2222 ssh-ed25519 ")
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["fleet.json", "known_hosts"]


def test_export_leaves_an_unchanged_file_alone(document: dict[str, Any], tmp_path: Path) -> None:
    path = documents.export(document, tmp_path)
    before = path.stat()
    documents.export(document, tmp_path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.update(schema=1), "schema"),
        (lambda d: d.pop("hosts"), "hosts"),
        (lambda d: d.update(hosts=[]), "hosts"),
        (lambda d: d.update(surprise=1), "surprise"),
        (lambda d: d["hosts"][0].update(port="22"), "hosts.0.port"),
        (lambda d: d["gateway"]["keys"][0].update(sha256="plain"), "gateway.keys.0.sha256"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_with_the_reason(
    document: dict[str, Any], change: Any, reason: str
) -> None:
    wrong = copy.deepcopy(document)
    change(wrong)
    with pytest.raises(RefusedError) as caught:
        documents.parse(json.dumps(wrong), "a test")
    assert reason in caught.value.found
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, document_schema.schema())


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text("{")
    with pytest.raises(RefusedError, match="DOCUMENT_REFUSED"):
        documents.load(tmp_path / "fleet.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="No such file"):
        documents.load(tmp_path / "fleet.json")
