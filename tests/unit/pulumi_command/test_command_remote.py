"""How a session on a host ends. That commands are really gone is shown by tests/conformance."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from freehold.pulumi_command import remote
from freehold.pulumi_command.remote import Session
from freehold.pulumi_command.work import Cancellation

GROUPS = (4711,)


class Line:
    """A connection that remembers whether it was closed."""

    def __init__(self) -> None:
        self.host: Any = self
        self.transport = "transport"
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def begun(line: Any) -> Session:
    """A session over as much of a line as it needs."""
    return Session(line)


class Host:
    """Has commands in ``groups``, and remembers what it was told."""

    def __init__(self, groups: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[tuple[str, tuple[int, ...]]] = []
        self._groups = groups
        monkeypatch.setattr(remote, "ask_to_end", self._ask)
        monkeypatch.setattr(remote, "order_to_end", self._order)

    def _ask(self, _transport: str) -> tuple[int, ...]:
        self.told.append(("ask", self._groups))
        return self._groups

    def _order(self, _transport: str, groups: tuple[int, ...]) -> None:
        self.told.append(("order", groups))


def test_where_no_command_runs_a_stop_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    host, line = Host((), monkeypatch), Line()
    begun(line).stop()
    assert line.closed.is_set()
    assert host.told == []


def test_a_command_that_ends_when_asked_leaves_nothing_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    host, line = Host(GROUPS, monkeypatch), Line()
    session = begun(line)
    session.runs_command = True
    session.stop()
    session.time_out()  # a second stop changes nothing
    session.close()
    assert host.told == [("ask", GROUPS), ("order", GROUPS)]
    assert not session.abandoned


def test_a_command_that_does_not_end_is_ordered_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "GRACE_SECONDS", 0.05)
    host, line = Host(GROUPS, monkeypatch), Line()
    session = begun(line)
    session.runs_command = True
    session.stop()
    assert line.closed.wait(10)
    assert host.told == [("ask", GROUPS), ("order", GROUPS)]


def test_a_host_that_cannot_be_asked_is_left_at_once_and_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    host, line = Host((), monkeypatch), Line()
    session = begun(line)
    session.runs_command = True
    session.stop()
    assert line.closed.wait(10)
    assert session.abandoned
    assert host.told[0] == ("ask", ())


def test_the_plugin_waits_for_ends_and_no_longer_than_it_may() -> None:
    cancellation = Cancellation()
    cancellation.wait_for_ends(0.0)
    with cancellation.stopping(lambda: None):
        cancellation.wait_for_ends(0.01)
        waiter = threading.Thread(target=cancellation.wait_for_ends, args=(10.0,))
        waiter.start()
    waiter.join(timeout=10)
    assert not waiter.is_alive()
