"""The module of role tls, with the real openssl: a new key is a draft until it is certified."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from freehold.keys import authority, clock, requests, revocation, rotation, sealed
from freehold.keys.files import KeysFolder
from freehold.keys.names import Identity
from freehold.keys.passphrase import from_file
from freehold.keys.roots import RootKey
from freehold.paths import PROJECT

GPU1 = Identity("lab", "node", "gpu1", ("10.85.0.11",))


def run(words: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def module() -> Any:
    spec = importlib.util.spec_from_file_location("tls_identity", PROJECT / "roles/tls/library/tls_identity.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["tls_identity"] = loaded  # dataclasses look their module up by name
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeysFolder:
    monkeypatch.setattr(sealed, "COST", 16)
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery\n")
    secret.chmod(0o600)
    authority.ensure(tmp_path / "pki", "lab", secret)
    return KeysFolder(tmp_path / "pki")


@pytest.fixture
def node(module: Any, tmp_path: Path) -> Any:
    (tmp_path / "tls").mkdir()
    return module.Identity(tmp_path / "credentials" / "tls.key", tmp_path / "tls" / "node.crt", "gpu1")


def converge(module: Any, node: Any, keys: KeysFolder, *, new_key: bool = False) -> dict[str, Any]:
    """As the role does it: look, ask, sign, place."""
    look = module.asked(node, run, new_key=new_key, looks_only=True)
    judged = requests.answer(keys, GPU1, look["request"], look["certificate"], dry_run=True)
    told = module.asked(node, run, new_key=new_key, looks_only=False)
    if told["changed"] or judged.status == "due":
        judged = requests.answer(keys, GPU1, told["request"], told["certificate"], force=new_key)
    placed: dict[str, Any] = module.placed(node, run, judged.chain, ["freehold-gateway.service*"])
    node.certificate.write_text(judged.chain)
    return placed


def fits(node: Any) -> bool:
    key = load_pem_private_key(node.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate(node.certificate.read_bytes()).public_key() == key.public_key()


def test_a_fresh_node_gets_a_key_and_keeps_it(module: Any, node: Any, keys: KeysFolder) -> None:
    assert converge(module, node, keys)["changed"]
    before = node.key.read_bytes()
    assert fits(node)
    assert os.stat(node.key).st_mode & 0o777 == 0o600  # noqa: PTH116  the mode is what counts
    assert converge(module, node, keys) == {"changed": False, "restart": []}
    assert node.key.read_bytes() == before
    assert not node.draft.exists()


def test_after_a_revocation_a_new_key_brings_the_node_back(
    module: Any, node: Any, keys: KeysFolder, tmp_path: Path
) -> None:
    converge(module, node, keys)
    root = RootKey(from_file(tmp_path / "secret"))
    rotation.revoke(keys, revocation.matching(keys, "gpu1", clock.now), "stolen", root)
    with pytest.raises(Exception, match="KEYS_KEY_REVOKED") as refusal:
        converge(module, node, keys)
    assert "renew --new-key --host gpu1" in refusal.value.fix  # type: ignore[attr-defined]  # it is a RefusedError
    assert converge(module, node, keys, new_key=True)["restart"] == ["freehold-gateway.service*"]
    assert fits(node)
    assert converge(module, node, keys) == {"changed": False, "restart": []}


def test_a_run_cut_off_after_the_new_key_leaves_the_old_pair(module: Any, node: Any, keys: KeysFolder) -> None:
    converge(module, node, keys)
    before = node.key.read_bytes()
    module.asked(node, run, new_key=True, looks_only=False)
    assert node.key.read_bytes() == before
    assert fits(node)
    assert not converge(module, node, keys)["changed"]
    assert not node.draft.exists(), "a draft of nobody is a secret that lies about"


def test_who_was_started_with_another_key_is_restarted(
    module: Any, node: Any, keys: KeysFolder, tmp_path: Path
) -> None:
    """A run was cut off between the new key and the restart; the positive control holds the right key."""
    converge(module, node, keys)
    for unit, text in (("freehold-gateway.service", b"another"), ("freehold-metrics-door.service", None)):
        folder = tmp_path / "run" / unit
        folder.mkdir(parents=True)
        (folder / "tls.key").write_bytes(text or node.key.read_bytes())
    units = ["freehold-gateway.service*", "freehold-metrics-door.service*", "absent.service"]
    assert node.stale(run, units, tmp_path / "run") == ["freehold-gateway.service"]


def test_a_key_that_was_taken_away_is_replaced_and_the_services_restart(
    module: Any, node: Any, keys: KeysFolder
) -> None:
    """By hand, as an error message may say; the certificate of the old key is still there."""
    converge(module, node, keys)
    node.key.unlink()
    assert converge(module, node, keys)["restart"] == ["freehold-gateway.service*"]
    assert fits(node)
