"""The module that trusts a bundle: what it lets pass, and each thing that it refuses."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from freehold.paths import PROJECT

URL = "http://192.0.2.1:8480"
GOOD_SOURCE = "# Made by Freehold\nTypes: deb\nURIs: {url}/apt\nSuites: bookworm\nComponents: main\nSigned-By: {key}\n"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bundle_manifest", PROJECT / "roles/base/library/bundle_manifest.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


bundle_manifest = load()


def manifest(serial: int) -> bytes:
    return json.dumps({"schema": 1, "serial": serial, "files": []}).encode()


class Owner:
    """A real OpenPGP key, a node's folders, and a web server in a dictionary."""

    def __init__(self, folder: Path, name: str) -> None:
        self.home = folder / f"gnupg-{name}"
        self.home.mkdir(mode=0o700)
        self.folder = folder
        self.gpg("--quick-generate-key", name, "ed25519", "sign", "never")
        listed = self.gpg("--list-keys", "--with-colons").decode()
        self.fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))

    def gpg(self, *words: str, stdin: bytes = b"") -> bytes:
        common = [
            "gpg",
            "--homedir",
            str(self.home),
            "--batch",
            "--quiet",
            "--passphrase",
            "",
            "--pinentry-mode",
            "loopback",
        ]
        try:
            return subprocess.run([*common, *words], input=stdin, capture_output=True, check=True).stdout
        finally:  # the agent that gpg starts by itself must not outlive the test
            subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "gpg-agent"], check=False)

    def key(self) -> Path:
        path = self.folder / "bundle.asc"
        path.write_bytes(self.gpg("--armor", "--export"))
        return path

    def serve(self, content: bytes) -> dict[str, bytes]:
        signature = self.gpg("--armor", "--detach-sign", stdin=content)
        return {f"{URL}/manifest.json": content, f"{URL}/manifest.json.asc": signature}


def run(words: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Owner:
    return Owner(tmp_path_factory.mktemp("owner"), "owner")


@pytest.fixture
def apt(tmp_path: Path, owner: Owner) -> Path:
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    source = GOOD_SOURCE.format(url=URL, key=owner.key())
    (tmp_path / "apt/sources.list.d/freehold.sources").write_text(source)
    return tmp_path / "apt"


def look(owner: Owner, apt: Path, served: dict[str, bytes], **changed: object) -> bytes:
    content = served[f"{URL}/manifest.json"]
    values = {
        "url": URL,
        "sha256": hashlib.sha256(content).hexdigest(),
        "fingerprint": owner.fingerprint,
        "key_file": owner.key(),
        "record": apt.parent / "record.json",
        "allow_older": False,
    }
    wanted = bundle_manifest.Wanted(**{**values, **changed})
    found: bytes = bundle_manifest.look(wanted, run, get=served.__getitem__, apt=apt)
    return found


def test_the_owners_bundle_passes(owner: Owner, apt: Path) -> None:
    assert look(owner, apt, owner.serve(manifest(3))) == manifest(3)


def test_an_altered_manifest_is_refused(owner: Owner, apt: Path) -> None:
    served = owner.serve(manifest(3)) | {f"{URL}/manifest.json": manifest(4)}
    with pytest.raises(bundle_manifest.Refusal, match=r"BUNDLE_SIGNATURE .*BAD signature"):
        look(owner, apt, served)


def test_a_good_signature_of_somebody_else_is_refused(
    owner: Owner, apt: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Owner(tmp_path_factory.mktemp("stranger"), "stranger")
    with pytest.raises(bundle_manifest.Refusal, match="BUNDLE_SIGNATURE"):
        look(owner, apt, stranger.serve(manifest(3)))


def test_another_key_on_the_node_than_the_deployment_names_is_refused(
    owner: Owner, apt: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Owner(tmp_path_factory.mktemp("stranger"), "stranger")
    with pytest.raises(bundle_manifest.Refusal, match=owner.fingerprint):
        look(owner, apt, stranger.serve(manifest(3)), key_file=stranger.key())


def test_a_well_signed_bundle_that_is_not_this_deployments_is_refused(owner: Owner, apt: Path) -> None:
    with pytest.raises(bundle_manifest.Refusal, match="BUNDLE_DIGEST"):
        look(owner, apt, owner.serve(manifest(3)), sha256="00" * 32)


@pytest.mark.parametrize("recorded", [manifest(4), manifest(3) + b"\n"], ids=["newer", "same-serial-other-content"])
def test_a_step_back_is_refused_unless_it_is_meant(owner: Owner, apt: Path, recorded: bytes) -> None:
    (apt.parent / "record.json").write_bytes(recorded)
    with pytest.raises(bundle_manifest.Refusal, match=r"BUNDLE_OLDER .*serial 3"):
        look(owner, apt, owner.serve(manifest(3)))
    assert look(owner, apt, owner.serve(manifest(3)), allow_older=True)


@pytest.mark.parametrize("serial", [2, 3])
def test_the_same_or_a_newer_bundle_passes(owner: Owner, apt: Path, serial: int) -> None:
    (apt.parent / "record.json").write_bytes(manifest(2))
    assert look(owner, apt, owner.serve(manifest(serial)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sources.list", "deb http://deb.debian.org/debian bookworm main\n"),
        ("sources.list.d/vendor.list", "# a comment\ndeb [signed-by=/x] https://vendor.example/apt stable main\n"),
        ("sources.list.d/vendor.sources", "Types: deb\nURIs: https://vendor.example/apt\nSuites: x\nSigned-By: /x\n"),
        ("sources.list.d/same.sources", f"Types: deb\nURIs: {URL}/apt\nSuites: bookworm\nTrusted: yes\n"),
    ],
)
def test_any_other_source_of_packages_is_refused_and_named(owner: Owner, apt: Path, name: str, text: str) -> None:
    (apt / name).write_text(text)
    with pytest.raises(bundle_manifest.Refusal, match="APT_SOURCE") as refusal:
        look(owner, apt, owner.serve(manifest(1)))
    assert Path(name).name in str(refusal.value)
    assert "Nothing was changed" in str(refusal.value)


def test_a_source_that_is_switched_off_is_let_be(owner: Owner, apt: Path) -> None:
    text = "Types: deb\nURIs: https://vendor.example/apt\nEnabled: no\nSuites: x\n"
    (apt / "sources.list.d/vendor.sources").write_text(text)
    assert look(owner, apt, owner.serve(manifest(1)))


def test_a_node_without_the_bundle_as_its_source_is_refused(owner: Owner, apt: Path) -> None:
    (apt / "sources.list.d/freehold.sources").unlink()
    with pytest.raises(bundle_manifest.Refusal, match="no signed source for the bundle"):
        look(owner, apt, owner.serve(manifest(1)))


def test_a_web_server_that_does_not_answer_is_named(owner: Owner, apt: Path) -> None:
    def get(_: str) -> bytes:
        raise ConnectionRefusedError(111, "Connection refused")

    wanted = bundle_manifest.Wanted(URL, "", owner.fingerprint, owner.key(), apt / "record.json", allow_older=False)
    with pytest.raises(bundle_manifest.Refusal, match=f"BUNDLE_UNREACHABLE {URL}"):
        bundle_manifest.look(wanted, run, get=get, apt=apt)
