from pathlib import Path

import pytest

from freehold.errors import RefusedError
from freehold.keys import authority, backup, openpgp, roots, signing
from freehold.keys.files import KeysFolder
from freehold.keys.passphrase import Passphrase, from_file

from .conftest import Clock


@pytest.fixture
def bundle_key(folder: KeysFolder) -> Path:
    """What stands for `freehold bundle build`'s folder; GnuPG itself is tried in the tests of the bundle."""
    place = openpgp.place(folder).folder
    (place / "gnupg").mkdir(parents=True)
    (place / "gnupg" / "secret").write_text("openpgp secret")
    (place / "gnupg" / "S.gpg-agent").write_text("a socket")
    (place / "bundle.asc").write_text("openpgp public")
    return place


def test_a_restored_hierarchy_is_the_same_and_its_secrets_stay_secret(
    folder: KeysFolder, bundle_key: Path, secret: Passphrase, tmp_path: Path, clock: Clock
) -> None:
    names = backup.write(folder, tmp_path / "backup", secret)
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    assert "bundle-keys/gnupg/secret" in names
    assert not any("S.gpg" in name or ".lock" in name for name in names)
    new = KeysFolder(tmp_path / "elsewhere" / "pki")
    backup.restore(tmp_path / "backup", new, secret)
    assert authority.describe(new.path, now=clock) == authority.describe(folder.path, now=clock)
    assert (tmp_path / "elsewhere" / "keys" / "gnupg" / "secret").read_text() == "openpgp secret"
    assert roots.open_key(new, roots.RootKey(secret))
    assert signing.sign(new.path, "evidence", b"x", now=clock)
    assert all(key.stat().st_mode & 0o077 == 0 for key in new.path.rglob("key.pem"))
    assert bundle_key.is_dir()


def test_nothing_of_it_can_be_read_without_the_passphrase(
    folder: KeysFolder, secret: Passphrase, tmp_path: Path
) -> None:
    backup.write(folder, tmp_path / "backup", secret)
    data = (tmp_path / "backup").read_bytes()
    assert b"PRIVATE" not in data
    wrong = tmp_path / "wrong"
    wrong.write_text("another passphrase")
    wrong.chmod(0o600)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    other_head = tmp_path / "head"
    other_head.write_bytes(data.replace(b"backup-1", b"backup-2", 1))
    for source, key in ((tmp_path / "backup", from_file(wrong)), (damaged, secret), (other_head, secret)):
        with pytest.raises(RefusedError) as refusal:
            backup.restore(source, KeysFolder(tmp_path / "new"), key)
        assert refusal.value.code == "KEYS_BACKUP"
    assert not (tmp_path / "new").exists()


def test_the_root_can_be_left_out(folder: KeysFolder, secret: Passphrase, tmp_path: Path) -> None:
    (retired := folder.path / "retired" / "root-0123456789abcdef").mkdir(parents=True)
    (retired / "key.pem").write_text("the key of a root of before")
    names = backup.write(folder, tmp_path / "backup", secret, with_root=False)
    assert not [name for name in names if "root" in name and name.endswith("key.pem")]
    assert [name for name in names if name.startswith("issuing/") and name.endswith("key.pem")]


def test_a_medium_that_is_not_mounted_gets_no_backup(folder: KeysFolder, secret: Passphrase, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refusal:
        backup.write(folder, tmp_path / "absent" / "backup", secret)
    assert refusal.value.code == "KEYS_NO_FOLDER"
    assert not (tmp_path / "absent").exists()


def test_a_restore_never_overwrites(folder: KeysFolder, secret: Passphrase, tmp_path: Path) -> None:
    backup.write(folder, tmp_path / "backup", secret)
    with pytest.raises(RefusedError) as refusal:
        backup.restore(tmp_path / "backup", folder, secret)
    assert refusal.value.code == "KEYS_EXIST"
    with pytest.raises(RefusedError):
        backup.write(folder, tmp_path / "backup", secret)
