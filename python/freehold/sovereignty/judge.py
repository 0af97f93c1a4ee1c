"""All checks of one node, from the facts that were read on it: the one way for ``freehold status`` and for the node."""

from __future__ import annotations

from collections.abc import Mapping

from freehold.sovereignty import checks
from freehold.sovereignty.checks import Facts
from freehold.sovereignty.owner import Owner
from freehold.sovereignty.result import CheckResult

Switches = Mapping[str, Mapping[str, str]]


def judge(node: str, facts: Facts, owner: Owner, switches: Switches, at: str) -> list[CheckResult]:
    """Every check. ``at`` is UTC, ISO 8601; ``switches`` those of :func:`freehold.sovereignty.phone_home.switches`."""
    return [*checks.weights_digest(node, facts, owner.models, at), *judge_light(node, facts, owner, switches, at)]


def judge_light(node: str, facts: Facts, owner: Owner, switches: Switches, at: str) -> list[CheckResult]:
    """Those that cost next to nothing: all but the digests of the weights, whose every byte is read."""
    return [
        checks.no_route_out(node, facts, at),
        checks.no_third_party_host(node, facts, owner.own, at, exceptions=owner.providers, probed=owner.probed),
        checks.phone_home_switches(node, facts, switches, at),
    ]
