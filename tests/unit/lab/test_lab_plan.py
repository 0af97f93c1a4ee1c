from __future__ import annotations

import itertools

import pytest

from freehold.errors import UsageError
from freehold.lab.plan import Plan, lab_plan, node_number, numbered_plan
from freehold.paths import lab_paths

LAB = numbered_plan(1)
PLANS = [numbered_plan(number) for number in range(1, 10)]

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


@pytest.mark.parametrize("plan", PLANS)
def test_every_interface_name_fits_the_kernels_limit(plan: Plan) -> None:
    names = [plan.management_bridge, plan.client_bridge, f"{plan.prefix}-out", f"{plan.prefix}-m-abcd89"]
    assert max(map(len, names)) <= INTERFACE_NAME_LIMIT


def test_no_two_plans_share_a_name_or_an_address() -> None:
    for one, other in itertools.permutations(PLANS, 2):
        assert not one.group("x").startswith(f"{other.groups}-")
        assert not one.outside.startswith(f"{other.prefix}-")
        assert not one.management.overlaps(other.management)
        assert not one.client.overlaps(other.client)
        assert not one.mesh.overlaps(other.mesh)
        assert one.internet != other.internet


def test_another_lab_is_chosen_by_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FREEHOLD_LAB_PLAN", raising=False)
    monkeypatch.delenv("FREEHOLD_LAB", raising=False)
    assert (lab_plan(), str(lab_paths().root)) == (LAB, "/var/lib/freehold-lab")
    monkeypatch.setenv("FREEHOLD_LAB_PLAN", "2")
    assert (lab_plan(), str(lab_paths().root)) == (numbered_plan(2), "/var/lib/freehold-lab2")


@pytest.mark.parametrize("number", ["0", "10", "second", ""])
def test_a_number_that_no_lab_has_is_refused(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEHOLD_LAB_PLAN", number)
    with pytest.raises(UsageError, match="from 1 to 9"):
        lab_plan()
