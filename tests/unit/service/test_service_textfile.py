"""A page for the textfile collector is never there by halves, whoever wrote it before and whatever goes wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from freehold.service.textfile import write


def _names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_page_is_there_whole_and_readable_by_another_user(tmp_path: Path) -> None:
    file = tmp_path / "x.prom"
    write(file, "one 1\n")
    write(file, "one 2\n")
    assert file.read_text() == "one 2\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert _names(tmp_path) == ["x.prom"]


def test_a_disk_that_is_full_leaves_the_page_of_before_with_its_time_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.prom"
    write(file, "one 1\n")
    os.utime(file, (1, 1))

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(file, "one 2\n")
    assert (file.read_text(), file.stat().st_mtime) == ("one 1\n", 1)
    assert _names(tmp_path) == ["x.prom"]


def test_what_a_killed_writer_left_is_no_obstacle_although_it_may_not_be_written(tmp_path: Path) -> None:
    file = tmp_path / "x.prom"
    rest = tmp_path / f".x.prom.{os.getpid()}"
    rest.write_text("half")
    rest.chmod(0o400)
    write(file, "one 1\n")
    assert _names(tmp_path) == ["x.prom"]


def test_a_writer_by_hand_and_one_of_the_timer_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is in the middle of it when the other begins and ends."""
    file = tmp_path / "x.prom"
    real, mine = os.fsync, os.getpid()

    def meanwhile(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        monkeypatch.setattr(os, "getpid", lambda: mine + 1)
        write(file, "the other's 1\n")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", meanwhile)
    write(file, "ours 1\n")
    assert file.read_text() == "ours 1\n"
    assert _names(tmp_path) == ["x.prom"]


def test_a_page_holds_what_is_no_character(tmp_path: Path) -> None:
    write(tmp_path / "x.prom", 'one{a="\udcff"} 1\n')
    assert (tmp_path / "x.prom").read_text() == 'one{a="?"} 1\n'
