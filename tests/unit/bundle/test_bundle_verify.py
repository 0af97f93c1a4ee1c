"""One flipped byte in any file of a bundle is refused, and the file named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from freehold.bundle import refuse_older, verify
from freehold.bundle.keys import Keys
from freehold.bundle.manifest import read_manifest
from freehold.errors import FreeholdErrors, IntegrityError, RefusedError
from freehold.fleet.world import describe_bundle
from freehold.weights.digests import readable_json, sha256_bytes

if TYPE_CHECKING:
    from tests.unit.bundle.conftest import Site

BLOB = f"weights/blobs/sha256/{sha256_bytes(b'weights')}"
ARTEFACTS = [
    "apt/pool/main/tool_2.0_amd64.deb",
    "apt/dists/bookworm/InRelease",
    "apt/dists/bookworm/main/binary-amd64/Packages",
    "wheels/one-1-py3-none-any.whl",
    "requirements/agent.txt",
    BLOB,
    "weights/models/tiny.json",
    "key.asc",
]


def quiet(_: str) -> None:
    """Nobody watches."""


def check(site: Site) -> None:
    verify(site.folder, site.keys.public_key(), quiet)


@pytest.fixture
def built(site: Site) -> Site:
    site.builder().build(quiet)
    check(site)
    return site


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("path", ARTEFACTS)
@pytest.mark.parametrize("at", [0, -1])
def test_one_flipped_byte_is_refused_and_the_file_named(built: Site, path: str, at: int) -> None:
    flip(built.folder / path, at)
    with pytest.raises(IntegrityError, match="BUNDLE_DIGEST") as caught:
        check(built)
    assert caught.value.subject == path


def test_the_list_above_has_every_kind_of_file(built: Site) -> None:
    assert sorted(ARTEFACTS) == sorted(read_manifest(built.folder).by_path())


@pytest.mark.parametrize("at", [0, 40, -5])
def test_a_flipped_byte_in_the_manifest_is_refused(built: Site, at: int) -> None:
    flip(built.folder / "manifest.json", at)
    with pytest.raises(IntegrityError, match="BUNDLE_SIGNATURE") as caught:
        check(built)
    assert caught.value.subject.endswith("manifest.json.asc")


def test_every_flipped_byte_of_the_signatures_body_is_refused(built: Site) -> None:
    signature = built.folder / "manifest.json.asc"
    lines = signature.read_bytes().index(b"\n\n") + 2
    for at in range(lines, lines + 60, 7):
        flip(signature, at)
        with pytest.raises(IntegrityError, match="BUNDLE_SIGNATURE"):
            check(built)
        flip(signature, at)
    check(built)


def test_an_unsigned_bundle_is_refused(built: Site) -> None:
    (built.folder / "manifest.json.asc").unlink()
    with pytest.raises(IntegrityError, match=r"manifest\.json\.asc"):
        check(built)


def test_a_bundle_signed_by_its_own_other_key_is_refused(built: Site, tmp_path: Path) -> None:
    other = Keys(tmp_path / "other")
    other.ensure(quiet)
    other.sign(built.folder / "manifest.json", tmp_path / "signature")
    shutil.copyfile(tmp_path / "signature", built.folder / "manifest.json.asc")
    shutil.copyfile(other.public_file, built.folder / "key.asc")
    with pytest.raises(IntegrityError, match="BUNDLE_SIGNATURE"):
        check(built)


def test_a_deployment_takes_only_a_bundle_that_its_owners_key_signed(built: Site, tmp_path: Path) -> None:
    trusted = tmp_path / "trusted.asc"
    trusted.write_text(built.keys.public_key())
    described = describe_bundle(built.folder, trusted)
    assert described["public_key"] == built.keys.public_key()
    other = Keys(tmp_path / "other")
    other.ensure(quiet)
    other.sign(built.folder / "manifest.json", tmp_path / "signature")
    shutil.copyfile(tmp_path / "signature", built.folder / "manifest.json.asc")
    shutil.copyfile(other.public_file, built.folder / "key.asc")
    with pytest.raises(IntegrityError, match="BUNDLE_SIGNATURE"):
        describe_bundle(built.folder, trusted)
    with pytest.raises(RefusedError, match="CONFIG_BUNDLE_KEY"):
        describe_bundle(built.folder, tmp_path / "none.asc")


def test_a_file_beside_the_manifest_a_missing_one_and_a_link_are_named_together(built: Site) -> None:
    (built.folder / "apt" / "stray.deb").write_bytes(b"?")
    (built.folder / "requirements" / "agent.txt").unlink()
    wheel = built.folder / "wheels" / "one-1-py3-none-any.whl"
    wheel.rename(built.root / "elsewhere.whl")
    wheel.symlink_to(built.root / "elsewhere.whl")
    with pytest.raises(FreeholdErrors) as caught:
        check(built)
    assert {error.subject for error in caught.value.errors} == {
        "apt/stray.deb",
        "requirements/agent.txt",
        "wheels/one-1-py3-none-any.whl",
    }
    assert caught.value.exit_code == 4


def test_an_older_bundle_needs_an_explicit_word() -> None:
    refuse_older(7, 7)
    refuse_older(8, 7)
    with pytest.raises(RefusedError, match="BUNDLE_OLDER"):
        refuse_older(6, 7)
    refuse_older(6, 7, allow=True)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"serial": 0},
        {"serial": "1"},
        {"files": None},
        {"files": [{"path": "../up", "bytes": 1, "sha256": "0" * 64}]},
        {"files": [{"path": "a", "bytes": 1, "sha256": "0" * 64}] * 2},
        {"more": 1},
    ],
)
def test_a_manifest_of_another_shape_is_refused(built: Site, change: dict[str, Any]) -> None:
    place = built.folder / "manifest.json"
    place.write_bytes(readable_json({**json.loads(place.read_bytes()), **change}))
    with pytest.raises(IntegrityError, match="BUNDLE_MANIFEST_INVALID"):
        read_manifest(built.folder)
