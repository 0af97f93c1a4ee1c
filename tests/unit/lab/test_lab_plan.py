from __future__ import annotations

import itertools

import pytest

from freehold.errors import UsageError
from freehold.lab.plan import LAB, SECOND, Plan, lab_plan, node_number

INTERFACE_NAME_LIMIT = 15


def test_addresses_come_from_the_number_in_the_name() -> None:
    assert str(LAB.node_address("gpu1")) == "10.83.0.11"
    assert str(LAB.serve_address("gpu12")) == "10.84.0.22"


@pytest.mark.parametrize("name", ["gpu", "gpu0", "1", "GPU1", "gpu1x", "graphics1", "gpu90", "gpu1/..", ""])
def test_a_name_that_gives_no_address_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="LAB_NODE_NAME"):
        node_number(name)


def test_the_last_node_stays_below_the_clients_address() -> None:
    assert LAB.serve_address("gpu89") < LAB.outside_address


@pytest.mark.parametrize("plan", [LAB, SECOND])
def test_every_interface_name_fits_the_kernels_limit(plan: Plan) -> None:
    names = [plan.management_bridge, plan.client_bridge, f"{plan.prefix}-out", f"{plan.prefix}-m-abcd89"]
    assert max(map(len, names)) <= INTERFACE_NAME_LIMIT


def test_the_two_plans_share_no_name_and_no_address() -> None:
    for one, other in itertools.permutations((LAB, SECOND)):
        assert not one.group("x").startswith(other.groups)
        assert not one.outside.startswith(f"{other.prefix}-")
        assert not one.management.overlaps(other.management)
        assert not one.client.overlaps(other.client)
        assert one.internet != other.internet


def test_the_second_plan_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FREEHOLD_LAB_PLAN", raising=False)
    assert lab_plan() is LAB
    monkeypatch.setenv("FREEHOLD_LAB_PLAN", "second")
    assert lab_plan() is SECOND
