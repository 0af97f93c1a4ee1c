import json
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from freehold.errors import RefusedError
from freehold.keys import authority, certificates, passphrase, requests, revocation, roots, rotation, sealed
from freehold.keys.clock import ROOT_LIFE
from freehold.keys.files import KeysFolder
from freehold.keys.roots import RootKey

from .asking import identity, request
from .conftest import Clock

WORLD_READABLE = 0o077


def test_what_nodes_are_told_is_the_root_and_which_certificate_issues(folder: KeysFolder, clock: Clock) -> None:
    told = authority.describe(folder.path, now=clock)
    (root,) = x509.load_pem_x509_certificates(told["trust_anchors"].encode())
    issuing = folder.issuing.current()
    assert issuing is not None
    assert told["issuing_sha256"] == certificates.fingerprint(issuing.certificate)
    issuing.certificate.verify_directly_issued_by(root)
    assert told["not_after"].startswith("2027-11-22")
    assert json.dumps(told)


def test_openssl_itself_accepts_chain_and_lists(folder: KeysFolder, tmp_path: Path, clock: Clock) -> None:
    """The positive control is below: the same command on the root's key as if it were a leaf's chain."""
    issuing = folder.issuing.current()
    assert issuing is not None
    anchors = tmp_path / "ca.pem"
    anchors.write_text(authority.describe(folder.path, now=clock)["trust_anchors"])
    at = str(int(clock().timestamp()))
    words = ["openssl", "verify", "-attime", at, "-x509_strict", "-CAfile", str(anchors)]
    good = subprocess.run(
        [*words, str(issuing.folder / "certificate.pem")], capture_output=True, text=True, check=False
    )
    assert good.returncode == 0, good.stderr
    other = tmp_path / "other.pem"
    stranger = certificates.root(certificates.new_tls_key(), "lab", clock(), ROOT_LIFE)
    other.write_bytes(stranger.public_bytes(certificates.PEM))
    bad = subprocess.run([*words, str(other)], capture_output=True, text=True, check=False)
    assert bad.returncode != 0


def test_no_secret_is_readable_by_others_and_the_roots_key_is_encrypted(folder: KeysFolder) -> None:
    keys = list(folder.path.rglob("key.pem"))
    assert len(keys) == 6
    assert all(file.stat().st_mode & WORLD_READABLE == 0 for file in keys)
    assert roots.current(folder).key_file.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_openssl_opens_the_roots_key_too(folder: KeysFolder, secret_file: Path) -> None:
    """The owner does not depend on Freehold to get at the root."""
    words = ["openssl", "pkey", "-in", str(roots.current(folder).key_file), "-noout", "-passin"]
    assert subprocess.run([*words, f"file:{secret_file}"], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*words, "pass:another"], capture_output=True, check=False).returncode != 0


@pytest.mark.usefixtures("real_cost")
def test_the_passphrase_costs_scrypt(folder: KeysFolder) -> None:
    pem = roots.current(folder).key_file
    shown = subprocess.run(["openssl", "asn1parse", "-in", str(pem)], capture_output=True, text=True, check=True).stdout
    assert ":scrypt" in shown
    assert f":{sealed.COST:X}" in shown
    assert ":aes-256-cbc" in shown


def test_ensure_makes_it_once(folder: KeysFolder, secret_file: Path, clock: Clock) -> None:
    before = authority.describe(folder.path, now=clock)
    assert not authority.ensure(folder.path, "lab", secret_file, now=clock)
    assert authority.describe(folder.path, now=clock) == before


def test_a_half_made_hierarchy_is_made_anew_and_a_whole_one_never(
    folder: KeysFolder, secret_file: Path, clock: Clock
) -> None:
    before = authority.describe(folder.path, now=clock)
    (folder.path / "site").unlink()
    with pytest.raises(RefusedError) as refusal:
        authority.ensure(folder.path, "lab", secret_file, now=clock)
    assert refusal.value.code == "KEYS_EXIST"
    (folder.path / ".making").touch()
    assert authority.ensure(folder.path, "lab", secret_file, now=clock)
    after = authority.describe(folder.path, now=clock)
    assert after["trust_anchors"] != before["trust_anchors"]
    assert len(folder.roots.entries()) == 1


def test_without_a_hierarchy_the_error_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refusal:
        authority.describe(tmp_path)
    assert refusal.value.code == "KEYS_MISSING"
    assert "freehold keys init" in refusal.value.fix


def test_an_expired_issuing_certificate_is_refused_with_the_way_out(folder: KeysFolder, clock: Clock) -> None:
    clock.turn(days=367)
    with pytest.raises(RefusedError) as refusal:
        authority.describe(folder.path, now=clock)
    assert refusal.value.code == "KEYS_ISSUING_EXPIRED"
    assert "freehold keys rotate issuing --root FILE" in refusal.value.fix


def test_a_clock_an_hour_behind_is_refused_and_a_minute_is_not(folder: KeysFolder, clock: Clock) -> None:
    clock.turn(minutes=-1)
    assert authority.describe(folder.path, now=clock)
    clock.turn(hours=-1)
    with pytest.raises(RefusedError) as refusal:
        authority.describe(folder.path, now=clock)
    assert refusal.value.code == "KEYS_CLOCK"


def test_a_new_issuing_certificate_needs_the_root_and_nodes_trust_it_at_once(
    folder: KeysFolder, root: RootKey, clock: Clock
) -> None:
    before = authority.describe(folder.path, now=clock)
    authority.rotate_issuing(folder, root, clock)
    after = authority.describe(folder.path, now=clock)
    assert after["trust_anchors"] == before["trust_anchors"]
    assert after["issuing_sha256"] != before["issuing_sha256"]


def test_a_node_four_minutes_behind_takes_certificates_and_lists_of_now(
    folder: KeysFolder, root: RootKey, tmp_path: Path, clock: Clock
) -> None:
    """By openssl, as the listeners check; ten minutes behind is the positive control."""
    clock.turn(days=1)
    asked = request()
    requests.answer(folder, identity("gpu2"), request(), now=clock)
    rotation.revoke(folder, revocation.matching(folder, "gpu2", clock), "x", root, now=clock)
    answer = requests.answer(folder, identity(), asked, now=clock)
    for name, text in (("ca", answer.anchors), ("crl", answer.crl), ("chain", answer.chain)):
        (tmp_path / name).write_text(text)

    def verify(minutes_behind: int) -> subprocess.CompletedProcess[str]:
        at = str(int(clock().timestamp()) - 60 * minutes_behind)
        words = ["openssl", "verify", "-attime", at, "-x509_strict", "-crl_check_all"]
        words += ["-CAfile", str(tmp_path / "ca"), "-CRLfile", str(tmp_path / "crl")]
        words += ["-untrusted", str(tmp_path / "chain"), str(tmp_path / "chain")]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    assert verify(0).returncode == 0, verify(0).stderr
    assert verify(4).returncode == 0, verify(4).stderr
    assert "not yet valid" in verify(10).stderr


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_passphrase_that_others_can_read_is_refused(secret_file: Path, mode: int) -> None:
    secret_file.chmod(mode)
    with pytest.raises(RefusedError) as refusal:
        passphrase.from_file(secret_file)(new=False)
    assert "chmod 600" in refusal.value.fix


def test_a_short_passphrase_is_refused_for_a_new_root(secret_file: Path) -> None:
    secret_file.write_text("short")
    with pytest.raises(RefusedError):
        passphrase.from_file(secret_file)(new=True)
