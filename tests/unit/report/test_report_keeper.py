"""A page is made once, by a few at a time, and kept for ten seconds; nobody waits for ever."""

from __future__ import annotations

import threading

import pytest
from tests.unit.report.conftest import PATIENCE_SECONDS

from freehold.report import keeper as module
from freehold.report.asked import Asked
from freehold.report.keeper import AT_ONCE, KEEP_SECONDS, MOST_KEPT, BusyError, Keeper, Made


class World:
    """A clock that a test sets, and a maker that may be held."""

    def __init__(self) -> None:
        self.now, self.made, self.gate = 100.0, list[Asked](), threading.Event()
        self.arrived = threading.Semaphore(0)
        self.gate.set()
        self.keeper = Keeper(self.make, lambda: self.now)

    def make(self, asked: Asked) -> Made:
        self.made.append(asked)
        self.arrived.release()
        assert self.gate.wait(PATIENCE_SECONDS)
        if asked.node == "broken":
            raise ZeroDivisionError
        return Made(b"html", "ok", self.now, 0.25)


@pytest.fixture
def world() -> World:
    return World()


def test_a_page_is_kept_for_ten_seconds(world: World) -> None:
    for passed in (0, KEEP_SECONDS - 0.1, 0.2):
        world.now += passed
        world.keeper.page(Asked())
    assert len(world.made) == 2


def test_other_ranges_views_and_nodes_are_other_pages(world: World) -> None:
    for asked in (Asked(), Asked("7d"), Asked(view="cost"), Asked(node="gpu1"), Asked(is_file=True), Asked()):
        world.keeper.page(asked)
    assert len(world.made) == 5


def test_who_comes_while_a_page_is_made_gets_the_same_one(world: World) -> None:
    world.gate.clear()
    threads = [threading.Thread(target=world.keeper.page, args=(Asked(),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert world.arrived.acquire(timeout=PATIENCE_SECONDS)
    world.gate.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert len(world.made) == 1


def test_a_few_are_made_at_once_and_the_next_is_refused_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    world.gate.clear()
    threads = [
        threading.Thread(target=world.keeper.page, args=(Asked(node=f"gpu{index}"),)) for index in range(AT_ONCE)
    ]
    for thread in threads:
        thread.start()
        assert world.arrived.acquire(timeout=PATIENCE_SECONDS)
    with pytest.raises(BusyError):
        world.keeper.page(Asked(node="late"))
    world.gate.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert world.keeper.page(Asked(node="late")).body == b"html"
    assert (world.keeper.tally.refused, world.keeper.tally.made) == (1, AT_ONCE + 1)


def test_a_page_that_fails_gives_its_place_back(world: World) -> None:
    for _ in range(AT_ONCE + 1):
        with pytest.raises(ZeroDivisionError):
            world.keeper.page(Asked(node="broken"))
    assert world.keeper.tally.failed == AT_ONCE + 1
    assert world.keeper.page(Asked()).data == "ok"


def test_what_is_kept_is_bounded(world: World) -> None:
    for index in range(3 * MOST_KEPT):
        world.keeper.page(Asked(node=f"gpu{index}"))
    assert len(world.keeper._kept) == MOST_KEPT
