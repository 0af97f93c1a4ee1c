"""`freehold support` on real nodes: what a fault is found with is in it, no secret is, and nothing that was asked."""

import json
import re
import tarfile
from pathlib import Path

from tests.lab.secret_search import needles
from tests.lab.world import Document, Outside

from freehold.paths import PROJECT, lab_paths
from freehold.process import run
from freehold.status.gather import Access

PROMPT = "Say the word antidisestablishmentarianism."


def test_a_support_bundle_follows_one_request_and_keeps_every_secret(
    document: Document, outside: Outside, endpoint: str, access: Access, tmp_path: Path
) -> None:
    body = {"model": document["models"][0]["name"], "max_tokens": 4, "messages": [{"role": "user", "content": PROMPT}]}
    key = f"Authorization: Bearer {access.client_key}"
    said = outside("curl", "-si", "-H", key, "--json", json.dumps(body), f"{endpoint}/chat/completions").stdout
    (answered,) = re.findall(r"x-request-id: (\S+)", said)
    path = tmp_path / "support.tar.gz"
    done = run([PROJECT / ".venv/bin/freehold", "support", "--out", str(path), "--since=-10min"], timeout=120)
    assert str(path) in done.stdout
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    files = {str(one.relative_to(tmp_path)): one.read_text() for one in tmp_path.rglob("*.*") if one != path}
    assert {one["name"] for one in document["hosts"]} <= {name.split("/")[2] for name in files if "/nodes/" in name}
    assert [name for name, text in files.items() if answered in text and "journal/freehold-gateway" in name]
    paths = lab_paths()
    secret_files = [*paths.secrets.iterdir(), paths.pulumi / "passphrase", paths.ssh / "id_ed25519"]
    secret_files += [*paths.keys.rglob("key.pem"), *paths.keys.rglob("tls.key")]
    wanted = [text for file in secret_files for text in needles(file.name, file.read_text(encoding="ascii"))]
    assert wanted
    assert [(name, text[:4]) for name, content in files.items() for text in wanted if text in content] == []
    assert not [name for name, text in files.items() if "antidisestablish" in text]
