"""The watchdog is pinged only while the engine answers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freehold.runtime.supervise import Life
from freehold.service.notify import Supervisor


class Heard:
    """What the supervisor was told."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(0)

    def words(self) -> list[str]:
        heard: list[str] = []
        while True:
            try:
                heard.append(self._socket.recv(200).decode())
            except BlockingIOError:
                return heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    supervisor = Heard(tmp_path / "notify")
    yield supervisor
    supervisor.close()


def ends_after(pings: int) -> Callable[[float], bool]:
    """Waits ``pings`` times and is then asked to end; polls while the model loads are not part of the story."""
    left = iter([False] * pings + [True])
    return lambda seconds: False if seconds < 0.1 else next(left)


def test_ping_stops_with_health_and_comes_back(heard: Heard) -> None:
    health = iter([True, True, False, False, True])
    said: list[str] = []
    Life(
        start=object,
        healthy=lambda: next(health),
        supervisor=Supervisor(heard.address, 3.0),
        wait=ends_after(4),
        say=said.append,
    ).run()
    words = heard.words()
    assert words.count("WATCHDOG=1") == 2
    assert words[0].startswith("READY=1")
    assert words[-1].startswith("STOPPING=1")
    assert [line for line in said if "health" in line][1:] == [
        "/health does not answer: the watchdog is not pinged",
        "/health answers again",
    ]


def test_what_the_engine_raises_is_raised_and_nobody_is_told_ready(heard: Heard) -> None:
    def refuse() -> object:
        raise OSError("no memory")

    life = Life(refuse, lambda: True, Supervisor(heard.address), _never_asked, print)
    with pytest.raises(OSError, match="no memory"):
        life.run()
    assert heard.words() == []


def test_pings_come_three_times_as_often_as_needed() -> None:
    assert Supervisor("", 30.0).ping_seconds(7.0) == 10.0
    assert Supervisor("", 0.0).ping_seconds(7.0) == 7.0


def _never_asked(_seconds: float) -> bool:
    return False
