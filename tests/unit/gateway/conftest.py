"""One gateway for all tests that are content with its standard limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.unit.gateway.harness import Harness, running

from freehold.gateway.config import Limits


@pytest.fixture(scope="session")
def shared_gateway() -> Iterator[Harness]:
    with running(replace(Limits(), drain_seconds=1)) as harness:
        yield harness


@pytest.fixture
def gateway(shared_gateway: Harness) -> Harness:
    """The gateway with its standard limits, which tests share: they look at differences of its counters."""
    shared_gateway.runtime.seen.clear()
    shared_gateway.runtime.cancelled.clear()
    return shared_gateway
