"""A ledger in a folder of its own, and a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.ledger.fleet import DAY_CAPS, Fleet, fleet
from tests.unit.ledger.world import START_MS, Time, World

from freehold.ledger.store import Store


@pytest.fixture
def time() -> Time:
    return Time(START_MS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger" / "ledger.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


@pytest.fixture
def world(store: Store, time: Time) -> World:
    return World(store, time)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Fleet]:
    with fleet(tmp_path, DAY_CAPS) as made:
        yield made
