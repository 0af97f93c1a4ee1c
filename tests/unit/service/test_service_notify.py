"""sd_notify(3) without a library."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from freehold.service.notify import Supervisor


@pytest.mark.parametrize("address", ["{folder}/notify", "@freehold-test-{pid}"])
def test_words_arrive(tmp_path: Path, address: str) -> None:
    name = address.format(folder=tmp_path, pid=os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(name.replace("@", "\0"))
        channel.settimeout(5)
        told = Supervisor.from_environment({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000000"})
        assert told.watchdog_seconds == 2.0
        told.ready("x")
        told.alive()
        told.status("y")
        told.stopping("z")
        heard = [channel.recv(100) for _ in range(4)]
    assert heard == [b"READY=1\nSTATUS=x", b"WATCHDOG=1", b"STATUS=y", b"STOPPING=1\nSTATUS=z"]


def test_nobody_listens() -> None:
    """By hand, without systemd, every word is a no-op."""
    Supervisor.from_environment({}).ready("x")


def test_a_watchdog_meant_for_another_process_is_not_ours() -> None:
    assert Supervisor.from_environment({"WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"}).watchdog_seconds == 0


@pytest.mark.parametrize("said", ["", "0", "soon", "-1", "²"])
def test_a_watchdog_that_says_no_number_does_not_watch(said: str) -> None:
    assert Supervisor.from_environment({"WATCHDOG_USEC": said}).watchdog_seconds == 0


def test_a_busy_supervisor_does_not_stop_the_service(tmp_path: Path) -> None:
    """Its queue is full after some words; a ping is lost instead of waiting, readiness still fails aloud when gone."""
    supervisor = Supervisor(str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(supervisor.address)
        for _ in range(1000):
            supervisor.alive()
    supervisor.alive()
    with pytest.raises(OSError, match="refused"):
        supervisor.ready("x")
