"""The control host's end: made once, cleared of what a killed run left, and set without showing the key."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.mesh.conftest import Recorder

from freehold.errors import UnknownStateError
from freehold.mesh import control, status

ALIVE = "wg show fh-t listen-port"
RIGHT = {"addr_info": [{"local": "203.0.113.1", "prefixlen": 24, "scope": "global"}], "mtu": 1420, "flags": ["UP"]}


def link(recorder: Recorder, **changed: Any) -> None:
    recorder.answers |= {"ip -json address show dev fh-t": json.dumps([RIGHT | changed]), ALIVE: "40000\n"}


def up(recorder: Recorder, document: dict[str, Any], folder: Path, started: list[str] | None = None) -> str:
    start = (started if started is not None else []).append
    return control.up(document, folder, "fh-t", recorder, start=start)


def test_an_interface_that_is_right_is_left_alone(recorder: Recorder, document: dict[str, Any], tmp_path: Path) -> None:
    link(recorder)
    assert up(recorder, document, tmp_path) == "up to date"
    assert not [line for line in recorder.asked if line.startswith(("ip link", "ip address"))]


def test_the_private_key_goes_by_standard_input_only(
    recorder: Recorder, document: dict[str, Any], tmp_path: Path
) -> None:
    link(recorder)
    up(recorder, document, tmp_path)
    private = control.key_path(tmp_path).read_text().strip()
    assert [text.count(private) for text in recorder.given] == [1]
    assert "ListenPort = 40000" in recorder.given[0]
    assert not any(private in line for line in recorder.asked)


def test_another_address_and_a_link_that_is_down_are_mended(
    recorder: Recorder, document: dict[str, Any], tmp_path: Path
) -> None:
    link(recorder, addr_info=[{"local": "203.0.113.9", "prefixlen": 24, "scope": "global"}], flags=[])
    assert "2 peers" in up(recorder, document, tmp_path)
    assert "ip address delete 203.0.113.9/24 dev fh-t" in recorder.asked
    assert "ip address add 203.0.113.1/24 dev fh-t" in recorder.asked
    assert "ip link set fh-t mtu 1420 up" in recorder.asked


def test_what_a_killed_run_left_is_cleared_before_a_new_one_is_made(
    recorder: Recorder, document: dict[str, Any], tmp_path: Path
) -> None:
    link(recorder)
    recorder.failing = {ALIVE}
    up(recorder, document, tmp_path)
    assert recorder.asked[:3] == [ALIVE, "ip link delete fh-t", "ip link add fh-t type wireguard"]


def test_without_the_kernels_wireguard_the_program_is_started(
    recorder: Recorder, document: dict[str, Any], tmp_path: Path
) -> None:
    link(recorder)
    recorder.failing = {ALIVE, "ip link add"}
    started: list[str] = []

    def start(interface: str) -> None:
        started.append(interface)
        recorder.failing.discard(ALIVE)

    control.up(document, tmp_path, "fh-t", recorder, start=start)
    assert started == ["fh-t"]


def test_a_peer_is_up_while_its_session_is_fresh(recorder: Recorder, document: dict[str, Any]) -> None:
    first, second = (peer["public_key"] for peer in document["mesh"]["peers"])
    recorder.answers["wg show fh-t dump"] = (
        "PRIVATE\tPUBLIC\t40000\toff\n"
        f"{first}\t(none)\t192.0.2.11:51820\t203.0.113.11/32\t1000\t284\t468\t25\n"
        f"{second}\t(none)\t(none)\t203.0.113.12/32\t0\t0\t148\t25\n"
    )
    one, two = status.read(document, "fh-t", recorder, lambda: 1179.0)
    assert (one.name, one.handshake_age, one.received_bytes, one.sent_bytes, one.up) == ("gpu1", 179.0, 284, 468, True)
    assert (two.handshake_age, two.up) == (None, False)
    assert not status.read(document, "fh-t", recorder, lambda: 1180.0)[0].up


def test_a_peer_that_the_interface_lacks_was_never_met(recorder: Recorder, document: dict[str, Any]) -> None:
    recorder.answers["wg show fh-t dump"] = "PRIVATE\tPUBLIC\t40000\toff\n"
    assert [one.up for one in status.read(document, "fh-t", recorder, lambda: 0.0)] == [False, False]


def test_of_one_in_maintenance_nobody_misses_a_session(recorder: Recorder, document: dict[str, Any]) -> None:
    recorder.answers["wg show fh-t dump"] = "PRIVATE\tPUBLIC\t40000\toff\n"
    next(host for host in document["hosts"] if host["name"] == "gpu2")["maintenance"] = True
    found = {one.name: one for one in status.read(document, "fh-t", recorder, lambda: 0.0)}
    assert (found["gpu1"].well, found["gpu2"].well, found["gpu2"].up) == (False, True, False)


def test_no_interface_is_an_unknown_state_and_not_a_dead_mesh(recorder: Recorder, document: dict[str, Any]) -> None:
    recorder.failing = {"wg show"}
    with pytest.raises(UnknownStateError, match="MESH_DOWN"):
        status.read(document, "fh-t", recorder, lambda: 0.0)
