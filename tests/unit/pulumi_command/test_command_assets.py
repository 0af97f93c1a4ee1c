from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from freehold.pulumi_command import assets, wire
from freehold.pulumi_command.work import CommandError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "leaf").write_text("a leaf")
    (tmp_path / "sub" / "leaf").write_text("another")
    (tmp_path / "link").symlink_to("leaf")
    return tmp_path


def test_nothing_is_looked_for_unless_it_is_asked_for(folder: Path) -> None:
    assert assets.collect({"dir": str(folder)}) == {}


def test_assets_are_paths_with_the_digests_of_their_contents(folder: Path) -> None:
    found = assets.collect({"dir": f"{folder}/", "assetPaths": ["**leaf"]})
    leaf = {wire.SIGNATURE: wire.ASSET, "path": f"{folder}/leaf", "hash": hashlib.sha256(b"a leaf").hexdigest()}
    assert [*found] == ["assets"]
    assert [*found["assets"]] == ["leaf", "sub/leaf"]
    assert found["assets"]["leaf"] == leaf


def test_folders_are_no_assets_and_links_to_files_are(folder: Path) -> None:
    assert [*assets.collect({"dir": str(folder), "assetPaths": ["*"]})["assets"]] == ["leaf", "link"]


def test_nothing_found_is_an_empty_map_and_not_a_missing_one(folder: Path) -> None:
    found = assets.collect({"dir": str(folder), "assetPaths": ["none"], "archivePaths": []})
    assert found["assets"] == found["archive"]["assets"] == {}


def test_an_archive_holds_its_assets_and_changes_with_names_and_contents(folder: Path) -> None:
    def archive() -> wire.Tree:
        return assets.collect({"dir": str(folder), "archivePaths": ["**"]})["archive"]

    first = archive()
    assert first[wire.SIGNATURE] == wire.ARCHIVE
    assert [*first["assets"]] == ["leaf", "link", "sub/leaf"]
    assert archive() == first
    (folder / "leaf").write_text("changed")
    second = archive()
    (folder / "leaf").rename(folder / "renamed")
    (folder / "link").unlink()
    assert len({first["hash"], second["hash"], archive()["hash"]}) == 3


@pytest.mark.parametrize("name", ["ä" * 20, "n" * 120])
def test_names_beyond_the_tar_header_have_a_digest_too(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    assert len(assets.collect({"dir": str(tmp_path), "archivePaths": ["*"]})["archive"]["hash"]) == 64


def test_what_cannot_be_read_is_told_with_its_name(folder: Path) -> None:
    (folder / "broken").symlink_to("nowhere")
    assert [*assets.collect({"dir": str(folder), "assetPaths": ["leaf"]})["assets"]] == ["leaf"]
    with pytest.raises(CommandError, match=f"ended well, but what it left cannot be read: .*{folder}/broken"):
        assets.collect({"dir": str(folder), "assetPaths": ["*"]})
