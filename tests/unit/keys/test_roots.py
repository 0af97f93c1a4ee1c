from pathlib import Path

import pytest

from freehold.errors import IntegrityError, RefusedError
from freehold.keys import authority, requests, revocation, roots, rotation, signing
from freehold.keys.files import KeysFolder
from freehold.keys.passphrase import Passphrase, from_file
from freehold.keys.roots import RootKey

from .asking import identity, request
from .conftest import Clock


def test_the_root_leaves_and_what_needs_it_says_so(
    folder: KeysFolder, secret: Passphrase, tmp_path: Path, clock: Clock
) -> None:
    medium = tmp_path / "medium" / "root.pem"
    medium.parent.mkdir()
    roots.export(folder, medium, secret, remove=True, same_disk=True)
    assert not roots.current(folder).key_file.exists()
    with pytest.raises(RefusedError) as refusal:
        rotation.rotate(folder, "issuing", RootKey(secret), now=clock)
    assert refusal.value.code == "KEYS_ROOT_AWAY"
    assert "--root FILE" in refusal.value.fix
    assert rotation.rotate(folder, "issuing", RootKey(secret, (medium,)), now=clock)
    roots.bring_back(folder, medium, secret)
    assert rotation.rotate(folder, "evidence", RootKey(secret), now=clock)


def test_daily_work_does_not_need_the_root(
    folder: KeysFolder, secret: Passphrase, tmp_path: Path, clock: Clock
) -> None:
    roots.export(folder, tmp_path / "root.pem", secret, remove=True, same_disk=True)
    assert requests.answer(folder, identity(), request(), now=clock).status == "issued"


def test_an_export_never_replaces_a_file(folder: KeysFolder, secret: Passphrase, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("something else")
    with pytest.raises(RefusedError):
        roots.export(folder, tmp_path / "root.pem", secret, remove=True)
    assert roots.current(folder).key_file.exists()


def test_the_key_of_another_root_is_refused(
    folder: KeysFolder, secret: Passphrase, secret_file: Path, tmp_path: Path, clock: Clock
) -> None:
    authority.ensure(tmp_path / "other", "lab", secret_file, now=clock)
    stranger = roots.current(KeysFolder(tmp_path / "other")).key_file
    for attempt in (
        lambda: roots.open_key(folder, RootKey(secret, (stranger,))),
        lambda: roots.bring_back(folder, stranger, secret),
    ):
        with pytest.raises(RefusedError) as refusal:
            attempt()
        assert refusal.value.code == "KEYS_ROOT_OTHER"


def test_a_wrong_passphrase_opens_nothing_and_changes_nothing(folder: KeysFolder, tmp_path: Path, clock: Clock) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase")
    wrong.chmod(0o600)
    before = sorted(folder.path.rglob("*"))
    with pytest.raises(RefusedError) as refusal:
        rotation.rotate(folder, "issuing", RootKey(from_file(wrong)), now=clock)
    assert refusal.value.code == "KEYS_PASSPHRASE"
    assert sorted(folder.path.rglob("*")) == before


def test_a_medium_that_is_not_mounted_gets_no_root(folder: KeysFolder, secret: Passphrase, tmp_path: Path) -> None:
    """Neither a folder made where it should be, nor the disk that shows below the mount point."""
    (tmp_path / "mount-point").mkdir()
    for target, code in (("absent/root.pem", "KEYS_NO_FOLDER"), ("mount-point/root.pem", "KEYS_SAME_DISK")):
        with pytest.raises(RefusedError) as refusal:
            roots.export(folder, tmp_path / target, secret, remove=True)
        assert refusal.value.code == code
    assert not (tmp_path / "absent").exists()
    assert not list((tmp_path / "mount-point").iterdir())
    assert roots.current(folder).key_file.exists()
    roots.export(folder, tmp_path / "copy.pem", secret, remove=False)


def replace_root(folder: KeysFolder, root: RootKey, clock: Clock) -> str:
    """All steps but the last; the id of the old one."""
    old = roots.current(folder).id
    rotation.rotate(folder, "root", root, now=clock)
    for what in ("issuing", *signing.PURPOSES):
        rotation.rotate(folder, what, root, now=clock)
    return old


def test_a_root_is_replaced_in_steps_and_goes_only_when_nothing_hangs_on_it(
    folder: KeysFolder, root: RootKey, clock: Clock
) -> None:
    requests.answer(folder, identity(), key_request := request(), now=clock)
    signature = signing.sign(folder.path, "evidence", b"data", now=clock)
    old = replace_root(folder, root, clock)
    assert authority.describe(folder.path, now=clock)["trust_anchors"].count("BEGIN CERTIFICATE") == 2
    with pytest.raises(RefusedError) as refusal:
        rotation.retire_root(folder, old, now=clock)
    assert "gpu1" in refusal.value.found
    clock.turn(days=91)  # what the old one signed has ended
    requests.answer(folder, identity(), key_request, now=clock)
    rotation.retire_root(folder, old, now=clock)
    assert authority.describe(folder.path, now=clock)["trust_anchors"].count("BEGIN CERTIFICATE") == 1
    assert revocation.bundle(folder).count("BEGIN X509 CRL") == 3, "the list of the retired root is not handed out"
    for one in (signature, signing.sign(folder.path, "evidence", b"data", now=clock)):
        assert signing.verify(signing.trust_of(folder.path), "evidence", b"data", one)


def test_a_signing_key_below_a_root_keeps_it(folder: KeysFolder, root: RootKey, clock: Clock) -> None:
    old = roots.current(folder).id
    rotation.rotate(folder, "root", root, now=clock)
    rotation.rotate(folder, "weights", root, now=clock)
    with pytest.raises(RefusedError) as refusal:
        rotation.retire_root(folder, old, now=clock)
    assert refusal.value.found.endswith("acceptance, bundle, evidence")
    assert "freehold keys rotate evidence" in refusal.value.fix


def test_a_root_can_be_replaced_twice_and_an_old_signing_key_still_be_revoked(
    folder: KeysFolder, root: RootKey, clock: Clock
) -> None:
    signature = signing.sign(folder.path, "evidence", b"data", now=clock)
    (row,) = revocation.matching(folder, signature["key_id"], clock)
    for _ in range(2):
        old = replace_root(folder, root, clock)
        clock.turn(days=1)
        rotation.retire_root(folder, old, now=clock)
    assert signing.verify(signing.trust_of(folder.path), "evidence", b"data", signature)
    rotation.revoke(folder, [row], "found on a stick", root, now=clock)
    with pytest.raises(IntegrityError):
        signing.verify(signing.trust_of(folder.path), "evidence", b"data", signature)


def test_between_two_roots_that_are_both_away_each_finds_its_file(
    folder: KeysFolder, secret: Passphrase, tmp_path: Path, clock: Clock
) -> None:
    """The old one revokes the stolen issuing certificate, the new one signs the next."""
    media = tuple(tmp_path / f"{name}.pem" for name in ("old", "new"))
    roots.export(folder, media[0], secret, remove=True, same_disk=True)
    rotation.rotate(folder, "root", RootKey(secret), now=clock)
    roots.export(folder, media[1], secret, remove=True, same_disk=True)
    for medium in media:
        with pytest.raises(RefusedError) as refusal:
            rotation.rotate(folder, "issuing", RootKey(secret, (medium,)), compromised=True, now=clock)
        assert refusal.value.code == "KEYS_ROOT_OTHER"
    assert rotation.rotate(folder, "issuing", RootKey(secret, media), compromised=True, now=clock)


def test_the_root_that_signs_cannot_be_retired(folder: KeysFolder, clock: Clock) -> None:
    with pytest.raises(RefusedError) as refusal:
        rotation.retire_root(folder, roots.current(folder).id, now=clock)
    assert refusal.value.code == "KEYS_ROOT_IN_USE"
