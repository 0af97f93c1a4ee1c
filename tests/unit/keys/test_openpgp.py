"""The bundle's OpenPGP key, by the real GnuPG: vouched for by the hierarchy, replaced, and the old one kept aside."""

from pathlib import Path

import pytest

from freehold.bundle.keys import check_signature
from freehold.errors import IntegrityError
from freehold.keys import openpgp
from freehold.keys.files import KeysFolder

from .conftest import Clock


def test_the_hierarchy_vouches_for_the_key_and_notices_another(folder: KeysFolder, clock: Clock) -> None:
    assert not openpgp.attest(folder, now=clock), "there is no key yet"
    keys = openpgp.place(folder)
    keys.ensure(lambda _: None)
    assert not openpgp.vouched(folder)
    assert openpgp.attest(folder, now=clock)
    assert openpgp.vouched(folder)
    keys.public_file.write_text(keys.public_key().replace("BLOCK-----\n\n", "BLOCK-----\nComment: another\n\n", 1))
    assert not openpgp.vouched(folder)


def test_a_rotated_key_signs_from_then_on_and_the_old_one_is_kept(
    folder: KeysFolder, clock: Clock, tmp_path: Path
) -> None:
    keys = openpgp.place(folder)
    keys.ensure(lambda _: None)
    old, before = keys.public_key(), keys.fingerprint()
    keys.remember_serial(7)
    after = openpgp.rotate(folder, now=clock)
    assert after != before
    assert openpgp.vouched(folder)
    assert keys.serial == 7, "serials never go back, whichever key signs"
    (tmp_path / "manifest").write_text("{}")
    keys.sign(tmp_path / "manifest", tmp_path / "manifest.asc")
    check_signature(tmp_path / "manifest", tmp_path / "manifest.asc", keys.public_key())
    with pytest.raises(IntegrityError):
        check_signature(tmp_path / "manifest", tmp_path / "manifest.asc", old)
    assert (folder.path / "retired" / f"openpgp-{before}" / "gnupg").is_dir()
