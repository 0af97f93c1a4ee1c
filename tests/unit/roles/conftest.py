"""One test for each role."""

import pytest
from tests.unit.roles.role import ROLES, Role


@pytest.fixture(params=[path.name for path in ROLES])
def role(request: pytest.FixtureRequest) -> Role:
    return Role(request.param)
