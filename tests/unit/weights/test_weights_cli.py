"""The commands say in JSON what they changed, and end with the exit codes of the error tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import command

if TYPE_CHECKING:
    from tests.unit.weights.conftest import Bundle, Server

MODEL = b"GGUF of a test"


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    return command.typed(monkeypatch, "weights", *words), capsys.readouterr().out


def test_fetch_list_verify_and_prune(
    bundle: Bundle, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest, store = bundle.write(), ("--store", str(tmp_path / "store"), "--json")
    words = ("fetch", "tiny", "--url", server.url, "--manifest-sha256", digest, *store)
    changed = [json.loads(run(monkeypatch, capsys, *words)[1])["changed"] for _ in range(2)]
    assert changed == [True, False]
    listed = json.loads(run(monkeypatch, capsys, "list", *store)[1])["models"]
    assert [model["name"] for model in listed] == ["tiny"]
    assert json.loads(run(monkeypatch, capsys, "verify", *store)[1])["models"] == {"tiny": listed[0]["digest"]}
    assert json.loads(run(monkeypatch, capsys, "prune", *store)[1]) == {"changed": False, "freed_bytes": 0}


def test_an_altered_file_ends_with_the_exit_code_of_integrity(
    bundle: Bundle, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest, store = bundle.write(), ("--store", str(tmp_path / "store"), "--json")
    run(monkeypatch, capsys, "fetch", "tiny", "--url", server.url, "--manifest-sha256", digest, *store)
    (tmp_path / "store/models/tiny/files/model.gguf").write_bytes(MODEL[:-1] + b"!")
    code, out = run(monkeypatch, capsys, "verify", "tiny", *store)
    assert code == 4
    (error,) = json.loads(out)["errors"]
    assert (error["code"], error["subject"].endswith("model.gguf")) == ("WEIGHTS_DIGEST", True)


def test_import_puts_a_model_beside_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FREEHOLD_LAB", str(tmp_path / "lab"))
    (tmp_path / "m.gguf").write_bytes(MODEL)
    options = ("--kind", "chat", "--licence", "MIT", "--source", "mine", "--context", "128", "--json")
    code, out = run(monkeypatch, capsys, "import", "mine", str(tmp_path / "m.gguf"), *options)
    assert (code, json.loads(out)["changed"]) == (0, True)
    assert (tmp_path / "lab/weights/models/mine/files/m.gguf").read_bytes() == MODEL
    code, _ = run(monkeypatch, capsys, "import", "Mine!", str(tmp_path / "m.gguf"), *options)
    assert code == 2
