"""The signing key is made once, stays out of the bundle, and only its own signatures count."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from freehold.bundle.keys import Keys, check_signature, dearmor, fingerprint
from freehold.errors import IntegrityError, RefusedError
from freehold.process import run


@pytest.fixture
def document(tmp_path: Path) -> Path:
    (tmp_path / "document").write_text("what is signed\n")
    return tmp_path / "document"


def test_a_signature_holds_for_its_document_only(keys: Keys, document: Path) -> None:
    signature = document.with_suffix(".asc")
    keys.sign(document, signature)
    check_signature(document, signature, keys.public_key())
    document.write_text("what is signee\n")
    with pytest.raises(IntegrityError, match="BUNDLE_SIGNATURE"):
        check_signature(document, signature, keys.public_key())


def test_another_key_is_refused(keys: Keys, document: Path, tmp_path: Path) -> None:
    other = Keys(tmp_path / "other")
    other.ensure(lambda _: None)
    assert other.fingerprint() != keys.fingerprint()
    other.sign(document, document.with_suffix(".asc"))
    with pytest.raises(IntegrityError, match="BUNDLE_SIGNATURE"):
        check_signature(document, document.with_suffix(".asc"), keys.public_key())


def test_no_signature_is_refused(keys: Keys, document: Path) -> None:
    document.with_suffix(".asc").write_text("")
    with pytest.raises(IntegrityError, match="BUNDLE_SIGNATURE"):
        check_signature(document, document.with_suffix(".asc"), keys.public_key())


def test_the_fingerprint_is_the_one_that_gnupg_prints(keys: Keys, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shown = run(("gpg", "--homedir", str(home), "--with-colons", "--show-keys", str(keys.public_file))).stdout
    assert f":{keys.fingerprint()}:" in shown


def test_the_secret_is_for_its_owner_only_and_made_once(keys: Keys) -> None:
    before = keys.public_key()
    keys.ensure(lambda _: None)
    assert keys.public_key() == before
    assert (keys.folder / "gnupg").stat().st_mode & 0o077 == 0


def test_a_lost_public_half_is_exported_again(keys: Keys) -> None:
    before = keys.public_key()
    keys.public_file.unlink()
    keys.ensure(lambda _: None)
    assert keys.public_key() == before


def test_a_lost_secret_half_is_refused_not_replaced(keys: Keys) -> None:
    shutil.rmtree(keys.folder / "gnupg")
    with pytest.raises(RefusedError, match="BUNDLE_KEY_INCOMPLETE"):
        keys.ensure(lambda _: None)


def test_a_deep_folder_is_no_obstacle(tmp_path: Path, document: Path) -> None:
    deep = Keys(tmp_path / ("x" * 100) / "keys")
    deep.ensure(lambda _: None)
    deep.sign(document, document.with_suffix(".asc"))
    check_signature(document, document.with_suffix(".asc"), deep.public_key())


@pytest.mark.parametrize("text", ["", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!\n-----END PGP PUBLIC KEY BLOCK-----"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match="BUNDLE_KEY_INVALID"):
        dearmor(text)


def test_a_key_of_another_kind_is_refused(keys: Keys) -> None:
    armored = keys.public_key().replace("\n\nm", "\n\nx", 1)
    assert armored != keys.public_key()
    with pytest.raises(IntegrityError, match="BUNDLE_KEY_INVALID"):
        fingerprint(armored)


def test_serials_are_remembered(keys: Keys) -> None:
    assert keys.serial == 0
    keys.remember_serial(7)
    assert Keys(keys.folder).serial == 7
