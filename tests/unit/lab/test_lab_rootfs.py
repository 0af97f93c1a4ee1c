from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from tests.unit.lab.conftest import Recorder

from freehold.errors import RefusedError
from freehold.lab import rootfs
from freehold.lab.rootfs import Source
from freehold.process import run

TARGETS = """\
Debian|bookworm|main|http://mirror.example/debian/|bookworm
Debian|bookworm|main|http://mirror.example/debian/|bookworm
Debian|bookworm|contrib|http://mirror.example/debian/|bookworm
Debian|bookworm-security|main|http://mirror.example/security/|bookworm-security
Debian Backports|bookworm-backports|main|http://mirror.example/debian/|bookworm-backports
Docker|bookworm|stable|https://packages.example/docker/|bookworm
"""
DUMP = """\
APT "";
Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::Retries "3";
Acquire::Languages "";
Acquire::CompressionTypes "";
Acquire::https::Verify-Peer "true";
Dir::State "var/lib/apt";
"""


def quiet(line: str) -> None:
    del line


def test_only_debians_own_main_suites_are_taken_each_once() -> None:
    assert rootfs.parse_sources(TARGETS) == [
        Source("http://mirror.example/debian/", "bookworm"),
        Source("http://mirror.example/security/", "bookworm-security"),
    ]


def test_every_source_is_verified_with_debians_keyring() -> None:
    line = Source("http://mirror.example/debian/", "bookworm").line()
    assert line.startswith("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/")
    assert "trusted" not in line


def test_a_machine_without_debian_lists_is_refused(recorder: Recorder) -> None:
    recorder.answers["apt-get indextargets"] = TARGETS.splitlines()[-1]
    with pytest.raises(RefusedError, match="LAB_NO_DEBIAN_SOURCE"):
        rootfs.read_sources(recorder)
    assert "apt-get update" in recorder.asked


def test_the_way_to_the_archive_is_taken_over_and_nothing_else() -> None:
    assert rootfs.transport_settings(DUMP).splitlines() == [
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::Retries "3";',
        'Acquire::https::Verify-Peer "true";',
    ]


def test_the_digest_changes_with_the_recipe_and_not_with_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rootfs.recipe_digest()
    assert rootfs.recipe_digest() == before
    monkeypatch.setattr(rootfs, "PACKAGES", (*rootfs.PACKAGES, "less"))
    assert rootfs.recipe_digest() != before


def test_a_bare_server_has_neither_python_nor_anything_of_ours() -> None:
    assert not [name for name in rootfs.PACKAGES if "python" in name or "freehold" in name]


def test_a_build_that_fails_leaves_no_archive_and_no_work_folder(tmp_path: Path, recorder: Recorder) -> None:
    recorder.answers["apt-get indextargets"] = TARGETS
    with pytest.raises(FileNotFoundError):  # the recorder makes no archive, as a failed mmdebstrap does not
        rootfs.build_archive(recorder, tmp_path, quiet)
    assert list((tmp_path / "rootfs").iterdir()) == []


def test_a_cached_archive_is_used_without_asking_anybody(tmp_path: Path, recorder: Recorder) -> None:
    archive = rootfs.archive_path(tmp_path)
    archive.parent.mkdir()
    archive.touch()
    assert rootfs.build_archive(recorder, tmp_path, quiet) == archive
    assert recorder.asked == []


def test_the_root_is_unpacked_whole_for_roots_eyes_only_and_once(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    with tarfile.open(tmp_path / "bookworm-1.tar", "w") as archive:
        archive.add(tmp_path / "etc", "etc")
    folder = tmp_path / "base"
    root = rootfs.unpack(run, tmp_path / "bookworm-1.tar", folder, quiet)
    assert (root, (root / "etc").is_dir()) == (folder / "bookworm-1", True)
    assert folder.stat().st_mode & 0o777 == 0o700
    (tmp_path / "bookworm-1.tar").unlink()
    assert rootfs.unpack(run, tmp_path / "bookworm-1.tar", folder, quiet) == root


def test_work_of_a_killed_run_is_cleared_away_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    dead, living = tmp_path / ".work-999999999-abc", tmp_path / ".work-1-abc"
    dead.mkdir()
    living.mkdir()
    with rootfs._work_folder(tmp_path) as work:
        assert work.is_dir()
    assert list(tmp_path.iterdir()) == [living]
