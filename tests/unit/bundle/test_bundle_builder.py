"""A build costs what changed, never serves half of something, and mends what was altered."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from freehold.bundle import describe, verify
from freehold.bundle.builder import BundleInfo
from freehold.bundle.keys import fingerprint
from freehold.errors import LockedError, RefusedError

if TYPE_CHECKING:
    from tests.unit.bundle.conftest import Site


def quiet(_: str) -> None:
    """Nobody watches."""


def build(site: Site, *, refresh: bool = False) -> BundleInfo:
    return site.builder().build(quiet, refresh=refresh)


def snapshot(site: Site) -> dict[str, tuple[bytes, int]]:
    files = [path for path in site.folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(site.folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def made(site: Site) -> dict[str, int]:
    return {name: part.made for name, part in site.parts.items()}


def test_the_first_build_makes_everything_and_signs_it(site: Site) -> None:
    info = build(site)
    assert (info.serial, info.changed, set(info.rebuilt)) == (1, True, {"packages", "wheels", "weights"})
    assert verify(site.folder, site.keys.public_key(), quiet).sha256 == info.manifest_sha256
    assert site.folder.is_symlink()


def test_unchanged_inputs_change_nothing_to_the_byte(site: Site) -> None:
    first = build(site)
    before = snapshot(site)
    again = build(site)
    assert (again.changed, again.rebuilt, again.manifest_sha256) == (False, {}, first.manifest_sha256)
    assert snapshot(site) == before
    assert made(site) == {"packages": 1, "wheels": 1, "weights": 1}


def test_only_what_changed_is_made_anew_and_the_serial_rises(site: Site) -> None:
    build(site)
    site.parts["wheels"].files["requirements/agent.txt"] = b"one==2 --hash=sha256:0\n"
    assert site.builder().plan() == {"wheels": "its inputs changed"}
    info = build(site)
    assert (info.serial, list(info.rebuilt)) == (2, ["wheels"])
    assert made(site) == {"packages": 1, "wheels": 2, "weights": 1}
    verify(site.folder, site.keys.public_key(), quiet)


def test_a_refresh_that_finds_the_same_keeps_the_serial(site: Site) -> None:
    build(site)
    before = snapshot(site)
    info = build(site, refresh=True)
    assert (info.serial, info.changed) == (1, False)
    assert made(site)["packages"] == 2
    assert snapshot(site) == before


def test_a_failing_build_leaves_the_old_bundle_serving(site: Site) -> None:
    build(site)
    before = snapshot(site)
    site.parts["weights"].files["weights/models/new.json"] = b"{}"
    site.parts["weights"].error = RuntimeError("the disk went away")
    with pytest.raises(RuntimeError):
        build(site)
    assert snapshot(site) == before
    assert not (site.place.versions / ".new").exists()
    site.parts["weights"].error = None
    assert build(site).serial == 2


def test_what_a_killed_build_left_is_no_obstacle(site: Site) -> None:
    build(site)
    (site.place.versions / ".new" / "apt").mkdir(parents=True)
    (site.place.versions / ".new" / "stray").write_text("half")
    site.parts["wheels"].files["wheels/two-1-py3-none-any.whl"] = b"two"
    build(site)
    verify(site.folder, site.keys.public_key(), quiet)


@pytest.mark.parametrize("how", ["altered", "cut", "removed", "added"])
@pytest.mark.parametrize("path", ["apt/pool/main/tool_2.0_amd64.deb", "requirements/agent.txt", "key.asc"])
def test_a_damaged_file_is_mended_by_the_next_build(site: Site, how: str, path: str) -> None:
    build(site)
    place = site.folder / path
    later = (site.folder / "manifest.json").stat().st_mtime_ns + 10**9
    if how == "altered":
        place.write_bytes(place.read_bytes()[:-1] + b"?")
        os.utime(place, ns=(later, later))
    elif how == "cut":
        place.write_bytes(b"")
    elif how == "removed":
        place.unlink()
    else:
        (place.parent / "stray.txt").write_text("?")
    build(site)
    verify(site.folder, site.keys.public_key(), quiet)


@pytest.mark.parametrize("path", ["manifest.json", "manifest.json.asc"])
def test_an_altered_manifest_or_signature_is_mended(site: Site, path: str) -> None:
    build(site)
    place = site.folder / path
    data = place.read_bytes()
    place.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    assert build(site).changed
    verify(site.folder, site.keys.public_key(), quiet)


def test_serials_rise_even_when_the_bundle_was_deleted(site: Site) -> None:
    build(site)
    site.folder.unlink()
    shutil.rmtree(site.place.versions)
    assert build(site).serial == 2


def test_a_new_key_signs_anew(site: Site) -> None:
    build(site)
    shutil.rmtree(site.keys.folder)
    info = build(site)
    assert info.serial == 2
    assert info.key_fingerprint == fingerprint((site.folder / "key.asc").read_text())
    verify(site.folder, site.keys.public_key(), quiet)


def test_the_secret_key_is_not_served(site: Site) -> None:
    build(site)
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in site.folder.rglob("*") if path.is_file())
    assert sorted(path.name for path in site.folder.iterdir()) == [
        "apt",
        "key.asc",
        "manifest.json",
        "manifest.json.asc",
        "requirements",
        "weights",
        "wheels",
    ]


def test_one_version_before_is_kept(site: Site) -> None:
    for number in range(4):
        site.parts["wheels"].files["requirements/agent.txt"] = f"{number}".encode()
        build(site)
    assert sorted(path.name for path in site.place.versions.iterdir() if path.name.isdigit()) == ["3", "4"]


def test_the_web_server_can_read_whatever_the_umask(site: Site) -> None:
    old = os.umask(0o077)
    try:
        build(site)
    finally:
        os.umask(old)
    paths = [site.folder.resolve(), *site.folder.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o644}


def test_a_plan_changes_nothing(site: Site, tmp_path: Path) -> None:
    assert set(site.builder().plan()) == {"packages", "wheels", "weights"}
    assert not site.place.versions.exists()
    build(site)
    before = sorted(tmp_path.rglob("*"))
    assert site.builder().plan() == {}
    assert set(site.builder().plan(refresh=True)) == {"packages", "wheels", "weights"}
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_no_build_made_is_left_alone(site: Site) -> None:
    site.folder.mkdir()
    (site.folder / "precious").write_text("mine")
    with pytest.raises(RefusedError, match="BUNDLE_PLACE_TAKEN"):
        build(site)
    (site.folder / "precious").unlink()
    assert build(site).changed


def test_two_builds_at_once_are_kept_apart(site: Site) -> None:
    seen: list[int] = []

    def report(line: str) -> None:
        if "making" in line and not seen:
            with pytest.raises(LockedError, match="BUNDLE_LOCKED") as caught:
                build(site)
            seen.append(caught.value.exit_code)

    site.builder().build(report)
    assert seen == [6]
    assert made(site)["wheels"] == 1


def test_describe_says_what_a_deployment_needs(site: Site) -> None:
    info = build(site)
    said = describe(site.folder)
    assert said["manifest_sha256"] == info.manifest_sha256
    assert said["serial"] == 1
    assert said["key_fingerprint"] == site.keys.fingerprint()
    assert said["public_key"] == site.keys.public_key()
    assert list(said["requirements"]) == ["agent"]
    assert said["models"] == {"tiny": {"name": "tiny"}}
    assert said["packages"] == ["tool=1:2.0"]
    json.dumps(said)
