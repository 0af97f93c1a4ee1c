from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from tests.unit.lab.conftest import Recorder

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.lab import machine, preflight
from freehold.lab.machine import Machine, Route
from freehold.lab.mounts import Mount
from freehold.lab.plan import numbered_plan
from freehold.paths import LabPaths

LAB = numbered_plan(1)

ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
fhl-mgmt\t0000530A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
LISTENERS = """\
  sl  local_address rem_address   st tx_queue rx_queue
   0: 00000000:2120 00000000:0000 0A 00000000:00000000
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000
   2: 0100007F:1F91 0100007F:0016 01 00000000:00000000
"""
LISTENERS6 = """\
  sl  local_address rem_address   st
   0: 00000000000000000000000000000000:2120 00000000000000000000000000000000:0000 0A
   1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A
"""


@pytest.fixture
def good(tmp_path: Path) -> Machine:
    """A machine on which a lab can be raised."""
    return Machine(
        root=True,
        system="debian 12",
        architecture="x86_64",
        memory_bytes=8 * 2**30,
        mounts=(Mount("/", "ext4", "/dev/vda", "rw"), Mount(str(tmp_path), "cgroup2", "cgroup2", "rw")),
        routes=(Route("eth0", IPv4Network("192.0.2.0/24")),),
        listeners=(("127.0.0.1", 8480), ("0.0.0.0", 22)),  # noqa: S104
        programs=frozenset(preflight.PROGRAMS),
        overlay_trouble="",
        links_trouble="",
        bridged_rules="",
    )


def judged(found: Machine) -> list[str]:
    errors: list[FreeholdError] = [
        *preflight.judge_machine(found),
        *preflight.judge_network(found, LAB),
        *preflight.judge_programs(found),
    ]
    assert all(error.fix and error.expected and error.changed == "nothing" for error in errors)
    return [error.code for error in errors]


def test_a_good_machine_passes(good: Machine) -> None:
    assert judged(good) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"root": False}, "LAB_NOT_ROOT"),
        ({"system": "ubuntu 24.04"}, "LAB_WRONG_SYSTEM"),
        ({"architecture": "aarch64"}, "LAB_WRONG_SYSTEM"),
        ({"memory_bytes": 4 * 2**30}, "LAB_MEMORY"),
        ({"mounts": ()}, "LAB_NO_CGROUP2"),
        ({"overlay_trouble": "unknown filesystem type"}, "LAB_NO_OVERLAY"),
        ({"links_trouble": "Operation not permitted"}, "LAB_NO_LINKS"),
        ({"routes": (Route("tun0", IPv4Network("10.0.0.0/8")),)}, "LAB_NETWORK_IN_USE"),
        ({"listeners": (("0.0.0.0", 8480),)}, "LAB_PORT_IN_USE"),  # noqa: S104
        ({"listeners": (("::", 8480),)}, "LAB_PORT_IN_USE"),
        ({"bridged_rules": "-P FORWARD DROP\n"}, "LAB_FIREWALL"),
        ({"programs": frozenset(preflight.PROGRAMS) - {"mmdebstrap"}}, "PROGRAM_MISSING"),
    ],
)
def test_each_obstacle_is_told(good: Machine, change: dict[str, object], code: str) -> None:
    assert judged(replace(good, **change)) == [code]  # type: ignore[arg-type]


def test_a_read_only_cgroup_tree_is_told(good: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert judged(good) == ["LAB_CGROUP_READ_ONLY"]


def test_the_labs_own_routes_and_port_are_no_obstacle(good: Machine) -> None:
    raised = replace(good, routes=(Route("fhl-mgmt", LAB.management),), listeners=(("10.83.0.1", 8480),))
    assert judged(raised) == []


def test_the_fix_for_the_firewall_is_taken_as_mended(good: Machine) -> None:
    (error,) = preflight.judge_network(replace(good, bridged_rules="-P FORWARD DROP\n"), LAB)
    rule = error.fix.replace("iptables -I", "-A")
    assert judged(replace(good, bridged_rules=f"-P FORWARD DROP\n{rule}\n")) == []


def test_all_obstacles_are_told_together(monkeypatch: pytest.MonkeyPatch, good: Machine, recorder: Recorder) -> None:
    bad = replace(good, memory_bytes=0, system="? ?", links_trouble="no")
    monkeypatch.setattr(machine, "read", lambda *_: bad)
    with pytest.raises(FreeholdErrors) as caught:
        preflight.check_machine(recorder)
    codes = {error.code for error in caught.value.errors}
    assert {"LAB_MEMORY", "LAB_WRONG_SYSTEM", "LAB_NO_LINKS"} <= codes
    assert caught.value.exit_code == 3


def test_space_is_added_up_on_one_disk_and_little_is_enough_for_a_rerun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, cache = LabPaths(tmp_path / "state"), tmp_path / "cache"
    monkeypatch.setattr(machine, "free_bytes", lambda _: (1, 14_000_000_000))
    (error,) = preflight.judge_disk(paths, cache)
    assert (error.code, error.expected) == ("LAB_DISK", "at least 15 GB")
    for folder in (paths.root, cache):
        folder.mkdir()
        (folder / "something").touch()
    assert list(preflight.judge_disk(paths, cache)) == []
    monkeypatch.setattr(machine, "free_bytes", lambda _: (1, 1_000_000_000))
    assert [error.code for error in preflight.judge_disk(paths, cache)] == ["LAB_DISK"]


def test_a_state_folder_that_cannot_hold_nodes_is_told(good: Machine) -> None:
    paths = LabPaths(Path("/nonexistent/lab"))
    on_overlay = replace(good, mounts=(Mount("/", "overlay", "overlay", "rw"),))
    assert [error.code for error in preflight.judge_state(on_overlay, paths)] == ["LAB_STATE_FILE_SYSTEM"]
    assert list(preflight.judge_state(good, paths)) == []


def test_a_state_folder_that_the_web_server_cannot_reach_is_told(good: Machine, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    errors = preflight.judge_state(good, LabPaths(private / "lab"))
    assert str(private) in {error.subject for error in errors}


def test_routes_are_read_without_the_default_route() -> None:
    assert machine.routes(ROUTES) == [Route("fhl-mgmt", IPv4Network("10.83.0.0/24"))]


def test_listeners_are_read_and_connections_are_not() -> None:
    assert machine.listeners(LISTENERS) == [("0.0.0.0", 8480), ("127.0.0.1", 8080)]  # noqa: S104
    assert machine.listeners(LISTENERS6) == [("::", 8480), ("::1", 22)]


def test_memory_is_read_in_bytes() -> None:
    assert machine.memory_bytes("MemTotal:  8000 kB\nMemFree: 1 kB\n") == 8_192_000
    assert machine.memory_bytes("") == 0


def test_this_machine_can_be_read(recorder: Recorder) -> None:
    found = machine.read(recorder, ("sh", "no-such-program"))
    assert found.memory_bytes > 0
    assert found.programs == {"sh"}
    assert found.mounts


def test_a_failed_trial_is_told_in_the_words_of_the_system(recorder: Recorder) -> None:
    recorder.failing.add("unshare --mount")
    recorder.answers["unshare --mount"] = "mount: permission denied"
    assert machine._try(recorder, "--mount", "true") == "mount: permission denied"
    assert machine._try(recorder, "--net", "true") == ""
