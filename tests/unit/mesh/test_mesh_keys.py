"""Keys of the mesh: born once, in the form that WireGuard reads, readable by their owner alone."""

import base64
from pathlib import Path

import pytest

from freehold.errors import RefusedError
from freehold.mesh import control, keys

# A pair that `wg genkey` and `wg pubkey` made, for this test alone.
PRIVATE = "GC53ycdEdZHpDyz2YSYXQETZe2z1phiAoWmgawoSmU4="
PUBLIC = "6cIGQUqNepvZkQU2Bz5QAndxMaIUOhZPZRTNLdUa8is="


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_the_public_half_is_the_one_that_wireguard_computes() -> None:
    assert keys.public_of(PRIVATE) == PUBLIC


def test_two_keys_are_two() -> None:
    assert keys.new_private() != keys.new_private()


def test_the_control_hosts_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    public = control.ensure_key(tmp_path / "keys")
    path = tmp_path / "keys/mesh/control.key"
    assert keys.public_of(path.read_text().strip()) == public
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert control.ensure_key(tmp_path / "keys") == public
    assert [entry.name for entry in path.parent.iterdir()] == ["control.key"]


@pytest.mark.parametrize("content", ["", "no key", text(b"short"), f"{PRIVATE}!"])
def test_a_damaged_key_is_refused_and_neither_replaced_nor_shown(tmp_path: Path, content: str) -> None:
    path = control.key_path(tmp_path)
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(RefusedError) as refused:
        control.ensure_key(tmp_path)
    assert refused.value.code == "MESH_KEY_UNREADABLE"
    assert path.read_text() == content
    assert not content or content not in str(refused.value)
