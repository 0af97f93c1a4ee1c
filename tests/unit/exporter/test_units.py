"""A process's unit comes from the kernel's lists alone, in every layout of control groups that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.exporter.units import UNKNOWN, Units, unit_of

V2, V1 = "sys/fs/cgroup", "sys/fs/cgroup/systemd"
RUNTIME = "system.slice/system-freehold\\x2druntime.slice/freehold-runtime@small.service"


def _group(root: Path, hierarchy: str, group: str, *pids: int) -> Path:
    folder = root / hierarchy / group
    folder.mkdir(parents=True, exist_ok=True)
    for above in (folder, *folder.parents):
        if above.is_relative_to(root / hierarchy):
            (above / "cgroup.procs").touch()
    (folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    return folder


@pytest.mark.parametrize("hierarchy", [V2, V1])
def test_processes_are_found_wherever_their_unit_is(tmp_path: Path, hierarchy: str) -> None:
    _group(tmp_path, hierarchy, RUNTIME, 10, 11)
    _group(tmp_path, hierarchy, "system.slice/freehold-embedding.service/workers/one", 20)
    _group(tmp_path, hierarchy, "user.slice/user-1000.slice/session-3.scope", 30)
    _group(tmp_path, hierarchy, "init.scope", 1)
    assert Units(tmp_path).of([11, 20, 30, 99]) == {
        11: "freehold-runtime@small.service",
        20: "freehold-embedding.service",
        30: "session-3.scope",
        99: UNKNOWN,
    }


@pytest.mark.parametrize(
    ("group", "unit"),
    [
        ("/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/a.service", "user@1000.service"),
        ("/sys/fs/cgroup/system.slice/docker-0123.scope", "docker-0123.scope"),
        ("/sys/fs/cgroup", UNKNOWN),
        ("/sys/fs/cgroup/system.slice", UNKNOWN),
    ],
)
def test_the_unit_is_the_first_that_is_no_slice(group: str, unit: str) -> None:
    assert unit_of(group) == unit


def test_a_process_that_moved_or_was_born_anew_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    units = Units(tmp_path)
    old = _group(tmp_path, V2, "system.slice/old.service", 10)
    assert units.of([10]) == {10: "old.service"}
    (old / "cgroup.procs").write_text("")
    _group(tmp_path, V2, "system.slice/new.service", 10)
    assert units.of([10]) == {10: "new.service"}


def test_a_known_process_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    units = Units(tmp_path)
    _group(tmp_path, V2, "system.slice/a.service", 10)
    units.of([10])
    monkeypatch.setattr("freehold.exporter.units._walked", lambda *_: pytest.fail("walked for a known process"))
    assert units.of([10]) == {10: "a.service"}


def test_garbage_threaded_groups_and_a_machine_without_groups_are_unknown(tmp_path: Path) -> None:
    assert Units(tmp_path).of([10]) == {10: UNKNOWN}
    assert Units(tmp_path).of([]) == {}
    folder = _group(tmp_path, V2, "system.slice/a.service")
    (folder / "cgroup.procs").write_text("torn\n")
    assert Units(tmp_path).of([10]) == {10: UNKNOWN}
    (folder / "cgroup.procs").unlink()
    (folder / "cgroup.procs").mkdir()  # as a group of threads only, it cannot be read
    assert Units(tmp_path).of([10]) == {10: UNKNOWN}


def test_the_process_itself_is_found_on_this_machine() -> None:
    """Whatever the answer is here, reading the real lists neither fails nor takes a look into /proc."""
    assert set(Units().of([1])) == {1}
