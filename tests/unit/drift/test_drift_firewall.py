"""Of the live ruleset counts what somebody decided, not what the kernel counts; and only Freehold's own tables."""

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.drift.conftest import Node

from freehold.drift import firewall
from freehold.drift import node as command
from freehold.drift.reading import Machine

HOLD = {"family": "inet", "table": "freehold_input"}
RULES: list[dict[str, Any]] = [
    {"metainfo": {"version": "1.0.6"}},
    {"table": {"family": "inet", "name": "freehold_input", "handle": 1}},
    {"chain": {**HOLD, "name": "input", "handle": 2, "policy": "drop"}},
    {"rule": {**HOLD, "chain": "input", "handle": 3, "expr": [{"counter": {"packets": 4, "bytes": 5}}]}},
    {"set": {**HOLD, "name": "seen", "handle": 4, "flags": ["timeout"], "elem": ["192.0.2.1"]}},
    {"set": {**HOLD, "name": "peers", "handle": 5, "elem": ["192.0.2.2"]}},
    {"table": {"family": "ip", "name": "somebody", "handle": 9}},
    {"rule": {"family": "ip", "table": "somebody", "chain": "freehold", "handle": 9, "expr": []}},
]  # fmt: skip


def ruleset(rules: list[dict[str, Any]]) -> str:
    return json.dumps({"nftables": rules})


@pytest.fixture
def walled(node: Node) -> Node:
    node.ruleset = ruleset(RULES)
    node.write("/etc/freehold/rules.nft", "")
    node.keep(files={"/etc/freehold/rules.nft": {"kind": "file"}})
    return node


def found(node: Node, rules: list[dict[str, Any]]) -> list[str]:
    node.ruleset = ruleset(rules)
    return [item["name"] for item in command.probe(node.machine)["items"]]


def test_counters_handles_and_sets_that_fill_themselves_do_not_count(walled: Node) -> None:
    later = copy.deepcopy(RULES)
    later[3]["rule"]["expr"][0]["counter"] = {"packets": 400, "bytes": 500}
    later[3]["rule"]["handle"] = 17
    later[4]["set"]["elem"] = []
    assert found(walled, later) == []


def test_an_added_rule_a_policy_and_an_element_are_named_by_chain_or_set(walled: Node) -> None:
    more = [*RULES, {"rule": {**HOLD, "chain": "input", "handle": 8, "expr": [{"accept": None}]}}]
    assert found(walled, more) == ["inet freehold_input chain input"]
    other = copy.deepcopy(RULES)
    other[2]["chain"]["policy"] = "accept"
    other[5]["set"]["elem"] = ["192.0.2.66"]
    assert found(walled, other) == ["inet freehold_input chain input", "inet freehold_input set peers"]


def test_a_flushed_ruleset_is_missed_and_a_new_chain_is_named(walled: Node) -> None:
    assert "inet freehold_input" in found(walled, RULES[:1])
    assert found(walled, [*RULES, {"chain": {**HOLD, "name": "hole"}}]) == ["inet freehold_input chain hole"]


def test_tables_of_others_are_their_own(walled: Node) -> None:
    assert found(walled, RULES[:6]) == []


def test_a_run_without_the_firewalls_role_does_not_take_the_live_rules_for_the_owners_will(walled: Node) -> None:
    walled.ruleset = ruleset(RULES[:1])
    walled.keep()
    assert found(walled, RULES) == []


def test_a_node_without_nft_has_no_rules(node: Node) -> None:
    def missing(words: object) -> str:
        raise FileNotFoundError(str(words))

    assert firewall.read(Machine(node.root, missing)) == {}


def test_an_nft_that_fails_is_a_difference_with_its_reason(walled: Node) -> None:
    def fails(words: Sequence[str]) -> str:
        if words[0] == "nft":
            raise OSError("nft: exit status 1: broken")
        return walled.run(words)

    items = command.probe(Machine(walled.root, fails))["items"]
    assert {"inet freehold_input", "the live ruleset"} < {item["name"] for item in items}
    assert {item["kind"] for item in items} == {"firewall"}
    assert "cannot be read: nft: exit status 1: broken" in {item["found"] for item in items}
