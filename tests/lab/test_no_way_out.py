"""The node cannot reach the internet, and the check that says so can say the opposite."""

from collections.abc import Iterator

import pytest
from testinfra.host import Host
from tests.lab.world import Document, ReadFacts

from freehold.lab import outside
from freehold.lab.plan import lab_plan
from freehold.sovereignty import checks
from freehold.sovereignty.owner import own_hosts, probed_hosts, provider_hosts
from freehold.sovereignty.result import Outcome

AT = "2026-11-21T12:00:00+00:00"
PLAN = lab_plan()


@pytest.fixture
def way_out(node: Host) -> Iterator[None]:
    node.check_output(f"ip route add default via {PLAN.outside_address}")
    yield
    node.check_output(f"ip route del default via {PLAN.outside_address}")


def test_the_attempt_to_leave_fails(facts: ReadFacts) -> None:
    assert checks.no_route_out("gpu1", facts(), AT).outcome is Outcome.OK


@pytest.mark.usefixtures("way_out")
def test_with_a_route_the_same_attempt_gets_out_and_the_check_turns_red(facts: ReadFacts) -> None:
    result = checks.no_route_out("gpu1", facts(), AT)
    assert result.outcome is Outcome.FAIL
    assert result.summary.startswith(f"reached {PLAN.internet}")


def test_that_address_does_answer_where_there_is_a_way_to_it() -> None:
    assert outside.answers(PLAN)


def test_no_configuration_names_somebody_elses_host(facts: ReadFacts, document: Document) -> None:
    declared = provider_hosts(document)
    probed = probed_hosts(document["sovereignty"]["probe_targets"])
    result = checks.no_third_party_host("gpu1", facts(), own_hosts(document), AT, exceptions=declared, probed=probed)
    assert (result.outcome, result.evidence["hosts"]) == (Outcome.OK, [])
    assert set(result.evidence["by_exception"]) == declared
    undeclared = checks.no_third_party_host("gpu1", facts(), own_hosts(document), AT)
    assert undeclared.outcome is Outcome.FAIL


def test_a_third_partys_host_in_a_unit_is_found(node: Host, facts: ReadFacts) -> None:
    drop_in = "/etc/systemd/system/freehold-gateway.service.d/control.conf"
    node.check_output(
        f"mkdir -p $(dirname {drop_in}) && echo '[Service]\nEnvironment=A=https://api.vendor.com' > {drop_in}"
    )
    try:
        assert checks.no_third_party_host("gpu1", facts(), set(), AT).outcome is Outcome.FAIL
    finally:
        node.check_output(f"rm -r $(dirname {drop_in})")
