from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from freehold.errors import PartialError, RefusedError
from freehold.lab import cgroup
from freehold.lab.cgroup import Hierarchies
from freehold.lab.mounts import Mount

UNIFIED = Mount("/sys/fs/cgroup", "cgroup2", "cgroup2", "rw")
HYBRID = (
    Mount("/sys/fs/cgroup/memory", "cgroup", "cgroup", "rw,memory"),
    Mount("/sys/fs/cgroup/systemd", "cgroup", "cgroup", "rw,name=systemd"),
    Mount("/sys/fs/cgroup/unified", "cgroup2", "cgroup2", "rw"),
)


def group(folder: Path, *, populated: bool, pids: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "cgroup.events").write_text(f"populated {int(populated)}\nfrozen 0\n", encoding="ascii")
    (folder / "cgroup.procs").write_text(pids, encoding="ascii")
    return folder


def test_a_unified_machine_has_one_tree() -> None:
    assert cgroup.find_hierarchies([UNIFIED]).trees == (Path("/sys/fs/cgroup"),)


def test_a_hybrid_machine_has_systemds_tree_too() -> None:
    assert cgroup.find_hierarchies(HYBRID) == Hierarchies(
        Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup/systemd")
    )


def test_a_machine_without_cgroup_v2_is_refused() -> None:
    with pytest.raises(RefusedError, match="LAB_NO_CGROUP2"):
        cgroup.find_hierarchies(HYBRID[:2])


def test_groups_are_found_by_prefix_at_the_top_and_in_a_slice(tmp_path: Path) -> None:
    for name in ("lab-gpu1", "lab-gpu1/payload", "system.slice/lab-web.service", "laboratory", "other"):
        (tmp_path / name).mkdir(parents=True)
    found = cgroup.find(Hierarchies(tmp_path), "lab-")
    assert [str(path.relative_to(tmp_path)) for path in found] == ["lab-gpu1", "system.slice/lab-web.service"]


def test_a_group_is_counted_by_the_kernels_own_word(tmp_path: Path) -> None:
    assert cgroup.populated(group(tmp_path / "a", populated=True))
    assert not cgroup.populated(group(tmp_path / "b", populated=False))
    assert not cgroup.populated(tmp_path / "gone")


def test_members_of_sub_groups_count(tmp_path: Path) -> None:
    top = group(tmp_path / "a", populated=True, pids="7\n")
    group(top / "payload", populated=True, pids="3\n5\n")
    assert cgroup.members(top) == [3, 5, 7]


def test_a_group_that_cannot_be_ended_is_told_with_its_processes(tmp_path: Path) -> None:
    stuck = group(tmp_path / "a", populated=True, pids="42\n")
    ticks = itertools.count(0, 20)
    with pytest.raises(PartialError, match=r"\[42\]"):
        cgroup.kill(stuck, clock=lambda: float(next(ticks)))
    assert (stuck / "cgroup.kill").read_text(encoding="ascii") == "1"


def test_ending_a_group_that_is_gone_is_fine(tmp_path: Path) -> None:
    cgroup.kill(tmp_path / "gone")
    cgroup.remove(tmp_path / "gone")


def test_a_group_is_made_in_every_tree_and_removed_deepest_first(tmp_path: Path) -> None:
    trees = Hierarchies(tmp_path / "unified", tmp_path / "systemd")
    for tree in trees.trees:
        tree.mkdir()
    made = cgroup.create(trees, "lab-gpu1")
    (made[0] / "payload/init.scope").mkdir(parents=True)
    for each in made:
        cgroup.remove(each)
    assert cgroup.find(trees, "lab-") == []
