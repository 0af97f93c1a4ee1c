"""`freehold mesh`: a document without a mesh is refused before anything is touched."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from freehold.cli import build
from freehold.errors import RefusedError
from freehold.fleet import document as documents
from freehold.mesh import reach


@pytest.fixture
def as_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The command's own reading is tried here, not that of the whole document."""
    monkeypatch.setattr(documents, "load", lambda path: json.loads(path.read_text()))
    return tmp_path / "fleet.json"


@pytest.mark.parametrize("words", [["up"], ["status"], ["reach"], ["reach", "--check"]])
def test_a_document_without_a_mesh_is_refused(as_read: Path, document: dict[str, Any], words: list[str]) -> None:
    as_read.write_text(json.dumps({**document, "mesh": None}))
    done = CliRunner().invoke(build(), ["mesh", *words, "--document", str(as_read)])
    assert isinstance(done.exception, RefusedError)
    assert (done.exception.code, done.exception.changed) == ("MESH_NOT_IN_DOCUMENT", "nothing")


def test_the_table_is_printed_with_the_fleets_own_ports(as_read: Path, document: dict[str, Any]) -> None:
    document["gateway"]["mesh_port"] = 9999
    as_read.write_text(json.dumps(document))
    words = ["mesh", "reach", "--document", str(as_read)]
    assert "TCP 9999" in CliRunner().invoke(build(), words).stdout
    rows = json.loads(CliRunner().invoke(build(), [*words, "--json"]).stdout)
    assert len(rows) == len(reach.RULES)
    assert set(rows[0]) == set(reach.HEADINGS)
