"""The support bundle has what is wanted, in one private file, and nothing that is secret or was said to a model."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from freehold.process import Completed, ProcessError
from freehold.support import bundle, node_collect
from freehold.support.bundle import Source

SECRET = "fh-" + "k" * 43
HOST = {"address": "192.0.2.11", "port": 22, "host_key": "ssh-ed25519 AAAA", "maintenance": False}


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "converge-gpu1.log").write_text(f"ok: gpu1\nAuthorization: Bearer {SECRET}\n")
    hosts = [{**HOST, "name": name} for name in ("gpu1", "gpu2", "gpu3")]
    hosts[2]["maintenance"] = True
    document = {"hosts": hosts, "site": {"name": "rack1"}, "stack": "rack1", "simulated": ["gpu"]}
    return Source(document, tmp_path / "key", tmp_path / "known_hosts", tmp_path, [SECRET])


class Nodes:
    """Stands for SSH: gpu1 answers, gpu2 does not."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, args: Any, *, stdin: str | None = None, **_: Any) -> Completed:
        assert "def collect" in (stdin or "")
        self.asked.append(args[-1])
        if len(self.asked) > 1:
            raise ProcessError("SSH", "gpu2", "no answer")
        said = {
            "journal/freehold-gateway.service.txt": f'a key {SECRET}\n{{"content": "my \\"inner\\" life"}}\nid=req_1\n'
        }
        return Completed(tuple(args), 0, json.dumps(said), "")


def test_nodes_in_maintenance_are_left_alone_and_a_silent_one_is_named(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "AT_ONCE", 1)
    nodes = Nodes()
    gathered = bundle.gather(source, nodes, say=lambda _: None)
    assert len(nodes.asked) == 2
    assert list(gathered.missing) == ["gpu2"]
    assert "nodes/gpu1/journal/freehold-gateway.service.txt" in gathered.files


def test_neither_secrets_nor_prompts_are_in_it_and_ids_are(source: Source) -> None:
    gathered = bundle.gather(source, Nodes(), ["gpu1"], say=lambda _: None)
    whole = "".join(gathered.files.values())
    assert SECRET not in whole
    assert "inner" not in whole
    assert "id=req_1" in whole
    assert "ok: gpu1" in whole


def test_the_file_is_private_and_says_what_is_in_it(source: Source, tmp_path: Path) -> None:
    gathered = bundle.gather(source, Nodes(), ["gpu1"], say=lambda _: None)
    path = tmp_path / "out.tar.gz"
    bundle.write(gathered, source, path)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        names = archive.getnames()
        member = archive.extractfile("freehold-support/MANIFEST.json")
        assert member is not None
        manifest = json.load(member)
    assert names[0] == "freehold-support/MANIFEST.json"
    assert set(manifest["files"]) == {name.removeprefix("freehold-support/") for name in names[1:]}
    assert manifest["simulated"] == ["gpu"]


def test_a_node_keeps_its_own_secrets(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "internal-key").write_text("born-here-and-stays\n")
    (tmp_path / "etc" / "short").write_text("ok\n")
    known = node_collect.secrets(("/etc/*",), tmp_path)
    assert known == ["born-here-and-stays"]
    pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
    assert node_collect.without(f"x born-here-and-stays y\n{pem}\nok", known) == "x [redacted] y\n[redacted]\nok"


def test_the_program_runs_alone_and_tells_failures_too(tmp_path: Path) -> None:
    """As a node runs it: from standard input. What this machine lacks is told, not raised."""
    program = Path(node_collect.__file__).read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-", "-1min"], input=program, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert set(node_collect.COMMANDS) <= set(told)
    assert "Linux" in told["system/kernel.txt"]
    assert node_collect.run("exit 3") == "(exit status 3)\n"
