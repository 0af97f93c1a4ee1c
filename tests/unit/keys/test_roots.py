from pathlib import Path

import pytest

from freehold.errors import RefusedError
from freehold.keys import authority, requests, roots, rotation
from freehold.keys.files import KeysFolder
from freehold.keys.passphrase import Passphrase, from_file
from freehold.keys.roots import RootKey

from .asking import identity, request
from .conftest import Clock


def test_the_root_leaves_and_what_needs_it_says_so(
    folder: KeysFolder, secret: Passphrase, tmp_path: Path, clock: Clock
) -> None:
    medium = tmp_path / "medium" / "root.pem"
    roots.export(folder, medium, secret, remove=True)
    assert not roots.current(folder).key_file.exists()
    with pytest.raises(RefusedError) as refusal:
        rotation.rotate(folder, "issuing", RootKey(secret), now=clock)
    assert refusal.value.code == "KEYS_ROOT_AWAY"
    assert "--root FILE" in refusal.value.fix
    assert rotation.rotate(folder, "issuing", RootKey(secret, medium), now=clock)
    roots.bring_back(folder, medium, secret)
    assert rotation.rotate(folder, "evidence", RootKey(secret), now=clock)


def test_daily_work_does_not_need_the_root(
    folder: KeysFolder, secret: Passphrase, tmp_path: Path, clock: Clock
) -> None:
    roots.export(folder, tmp_path / "root.pem", secret, remove=True)
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
        lambda: roots.open_key(folder, RootKey(secret, stranger)),
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


def test_a_root_is_replaced_in_steps_and_goes_only_when_nothing_hangs_on_it(
    folder: KeysFolder, root: RootKey, clock: Clock
) -> None:
    old = roots.current(folder).id
    requests.answer(folder, identity(), key_request := request(), now=clock)
    rotation.rotate(folder, "root", root, now=clock)
    assert authority.describe(folder.path, now=clock)["trust_anchors"].count("BEGIN CERTIFICATE") == 2
    with pytest.raises(RefusedError) as refusal:
        rotation.retire_root(folder, old, now=clock)
    assert "gpu1" in refusal.value.found
    rotation.rotate(folder, "issuing", root, now=clock)
    clock.turn(days=91)  # what the old one signed has ended
    requests.answer(folder, identity(), key_request, now=clock)
    rotation.retire_root(folder, old, now=clock)
    assert authority.describe(folder.path, now=clock)["trust_anchors"].count("BEGIN CERTIFICATE") == 1


def test_the_root_that_signs_cannot_be_retired(folder: KeysFolder, clock: Clock) -> None:
    with pytest.raises(RefusedError) as refusal:
        rotation.retire_root(folder, roots.current(folder).id, now=clock)
    assert refusal.value.code == "KEYS_ROOT_IN_USE"
