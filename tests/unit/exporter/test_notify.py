"""systemd is told what it asks for, and only where it listens."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from freehold.exporter.notify import notify, watchdog_seconds


def _listener(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.settimeout(10)
    sock.bind(address)
    return sock


def test_a_path_is_told(tmp_path: Path) -> None:
    with _listener(str(tmp_path / "notify")) as sock:
        assert notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert sock.recv(64) == b"READY=1"


def test_an_abstract_address_is_told() -> None:
    name = f"freehold-test-{os.getpid()}"
    with _listener("\0" + name) as sock:
        assert notify("WATCHDOG=1", {"NOTIFY_SOCKET": "@" + name})
        assert sock.recv(64) == b"WATCHDOG=1"


def test_nobody_listens() -> None:
    assert not notify("READY=1", {})


@pytest.mark.parametrize(("micros", "seconds"), [("20000000", 10.0), ("", None), ("0", None), ("soon", None)])
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(micros: str, seconds: float | None) -> None:
    assert watchdog_seconds({"WATCHDOG_USEC": micros}) == seconds
