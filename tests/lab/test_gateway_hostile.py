"""The installed gateway, over the network, against who means it harm: a quick no, no runtime, and others are served."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from testinfra.host import Host
from tests.lab.sdk.holding import ask_of
from tests.lab.sdk.hostile_cases import CHAT, Wanted, all_of
from tests.lab.sdk.hostile_talk import CROWD, LIMIT, PIPELINED
from tests.lab.test_gateway_books import SECRET
from tests.lab.world import Document, NodeOf, Outside

from freehold.status.gather import Access

CASES = {case.name: case for case in all_of(Wanted("fh-any", "any"))}
SLOWER, GRACE_SECONDS = 10, 0.25
"""How much slower a neighbour's median may be on two cores that also play client and both nodes."""


@dataclass(frozen=True)
class Told:
    """What the clients outside were told, and what the chat runtimes of all nodes did meanwhile."""

    said: dict[str, Any]
    worked: dict[str, float]
    after_a_good_one: dict[str, float]
    reached: list[str]


def work(nodes: Iterable[Host], port: int) -> dict[str, float]:
    """Every counter that a chat runtime has of its own work."""
    found: dict[str, float] = {}
    for number, node in enumerate(nodes):
        page = node.check_output(f'curl -s http://127.0.0.1:{port}/metrics -H "Authorization: Bearer $(cat {SECRET})"')
        rows = (line.rpartition(" ")[::2] for line in page.splitlines() if line.startswith("llamacpp:"))
        found |= {f"{number} {name}": float(value) for name, value in rows if name.endswith("_total")}
    return found


def difference(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in after.items() if value != before[name]}


@pytest.fixture(scope="module")
def told(outside: Outside, endpoint: str, access: Access, document: Document, node_of: NodeOf) -> Told:
    nodes = [node_of(host["name"]) for host in document["hosts"]]
    node = nodes[0]
    port = next(int(model["port"]) for model in document["models"] if model["kind"] == "chat")
    asked = ask_of(endpoint, access.client_key, document)
    since = node.check_output("date +%s.%N")
    before = work(nodes, port)
    done = outside(sys.executable, "-m", "tests.lab.sdk.hostile_talk", stdin=json.dumps(asked) + "\n")
    assert done.returncode == 0, done.stderr
    after = work(nodes, port)
    journal = node.check_output(f"journalctl -u freehold-gateway --since=@{since} --output=cat --no-pager")
    refused = [line for line in journal.splitlines() if "status=" in line and "status=200" not in line]
    reached = [line for line in refused if "route=-" not in line]
    wanted = Wanted(access.client_key, asked["chat"])
    good = outside(
        "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"x-api-key: {wanted.key}", "--json",
        wanted.asks(CHAT).decode(), f"{asked['url']}{CHAT}",
    )  # fmt: skip
    assert good.stdout == "200"
    return Told(json.loads(done.stdout), difference(before, after), difference(after, work(nodes, port)), reached)


@pytest.mark.parametrize("name", CASES)
def test_each_is_refused_in_time_and_in_the_form_of_its_protocol(told: Told, name: str) -> None:
    case, got = CASES[name], told.said["cases"][name]
    assert got["status"] in case.statuses, got
    assert (got["form"], got["more"]) == (case.form, "")
    assert got["seconds"] < case.seconds


def test_no_runtime_ever_saw_one(told: Told) -> None:
    assert told.worked == {}
    assert told.reached == [], "the gateway's own log names no route for what it refused"
    assert any("prompt_tokens" in name for name in told.after_a_good_one), "a good request does move the counters"


def test_requests_in_one_piece_are_each_answered(told: Told) -> None:
    assert told.said["pipelined"] == [200] * PIPELINED


def test_of_a_crowd_that_says_nothing_those_beyond_the_limit_are_refused_at_once(told: Told) -> None:
    crowd = told.said["crowd"]
    assert crowd["busy"] + crowd["late"] == CROWD
    # The neighbour and those who send slowly were there before.
    assert CROWD - LIMIT <= crowd["busy"] < CROWD - LIMIT + 20
    assert crowd["slowest_busy"] < 5


def test_a_neighbour_is_served_all_the_while(told: Told) -> None:
    quiet, beside = (statistics.median(told.said[name]) for name in ("quiet", "beside"))
    assert told.said["wrong"] == []
    assert len(told.said["beside"]) > 100
    assert beside < SLOWER * quiet + GRACE_SECONDS
