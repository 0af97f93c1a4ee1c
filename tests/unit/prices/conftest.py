"""What the tests of prices share: one table, and moments."""

from datetime import UTC, datetime

import pytest

from freehold.prices.model import ModelPrices, Price
from freehold.prices.rate import Rate

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def plain() -> ModelPrices:
    """A dollar in, two out for a million tokens, nothing else."""
    return ModelPrices("one", "small", (Price(Rate(1_000_000), Rate(2_000_000)),))
