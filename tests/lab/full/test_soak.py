"""Hours in the small: all protocols, cut streams, keys that come and go, restarts; then nothing is left over or lost.

FREEHOLD_SOAK_SECONDS says how long, by default ten minutes: one half with restarts, one without, in which memory and
descriptors are watched and every count is compared.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

import pytest
from testinfra.host import Host
from tests.lab.steady import Traffic, steady, unanswered
from tests.lab.test_gateway_books import LEDGER, freehold
from tests.lab.world import Document, NodeOf

from freehold.gateway.pool import IDLE_SECONDS
from freehold.status.gather import Access

SECONDS = float(os.environ.get("FREEHOLD_SOAK_SECONDS", "600"))
MIX = ("plain", "stream", "models", "messages", "responses", "cut", "embeddings")
PER_SECOND, TOKENS = 5, 12
ROUND_SECONDS = 15.0
MOST_GROWTH_KB = 8 * 1024
"""Of the resident memory in the second half: at the default length 4 KB a request would show."""

SPARE_DESCRIPTORS = 2  # a scrape or a look at the ledger may be under way
QUIET_SECONDS = 60.0
GAUGES = {"freehold_gateway_connections", "freehold_ledger_pending_rows", "freehold_ledger_lost_rows"}
UNIT = "freehold-gateway.service"
DEFECT = re.compile(r"defect|Traceback|is tried again|Error")
ROWS = """
import json, sqlite3, sys
ledger, name = sys.argv[1:]
rows = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True).execute(
    "SELECT request_id, prompt, completion FROM usage WHERE request_id LIKE ?", (f"{name}-%",)
)
print(json.dumps(list(rows)))
"""


@dataclass(frozen=True)
class Gateway:
    """One node's, from inside the node."""

    node: Host

    def _main(self, words: str) -> str:
        pid = self.node.check_output(f"systemctl show --property=MainPID --value {UNIT}")
        return str(self.node.check_output(words.format(pid=pid)))

    def memory(self) -> int:
        """Resident, in KB."""
        return int(self._main("awk '/^VmRSS/ {{print $2}}' /proc/{pid}/status"))

    def descriptors(self) -> int:
        return len(self._main("ls /proc/{pid}/fd").split())

    def counts(self) -> Counter[str]:
        """Tokens by kind, connections, and rows that are not on the disk."""
        found: Counter[str] = Counter()
        for line in self.node.check_output("curl -s http://127.0.0.1:8081/metrics").splitlines():
            name, _, value = line.rpartition(" ")
            kind = re.search(r'freehold_gateway_tokens_total\{.*type="(\w+)"', name)
            if kind:
                found[kind[1]] += int(float(value))
            elif name in GAUGES:
                found[name] += int(float(value))
        return found

    def rows(self, name: str) -> dict[str, tuple[int, int]]:
        """Tokens of each request whose id begins so, by the client's own id."""
        program = self.node.check_output("readlink -f /opt/freehold/venvs/gateway/bin/python")
        said = json.loads(self.node.check_output("%s -c %s %s %s", program, ROWS, LEDGER, name))
        found = {row[0].partition(".")[0]: (row[1], row[2]) for row in said}
        assert len(found) == len(said), "a request is in the books twice"
        return found

    def journal(self, since: float) -> list[str]:
        words = f"journalctl -u {UNIT} --since=@{since:.0f} --output=cat --no-pager"
        return [line for line in self.node.check_output(words).splitlines() if DEFECT.search(line)]


@pytest.fixture(scope="module")
def gateways(document: Document, node_of: NodeOf) -> dict[str, Gateway]:
    return {host["name"]: Gateway(node_of(host["name"])) for host in document["hosts"]}


@pytest.fixture(scope="module")
def made() -> Iterator[list[str]]:
    """Names of keys; those that a failed test left are revoked."""
    names: list[str] = []
    yield names
    living = {row["name"] for row in freehold("gateway", "key", "list")["keys"]}
    for name in living & set(names):
        freehold("gateway", "key", "revoke", name)


@contextmanager
def mixed(document: Document, access: Access, name: str) -> Iterator[Traffic]:
    urls = [f"http://{host['serve_address']}:{document['gateway']['port']}" for host in document["hosts"]]
    with steady(document, access.client_key, urls, name=name, mix=MIX, per_second=PER_SECOND, tokens=TOKENS) as traffic:
        yield traffic


def rounds(traffic: Traffic, made: list[str], seconds: float) -> Iterator[int]:
    """In each a key is made and revoked, and clients are answered."""
    end = time.monotonic() + seconds
    for number in count():
        if time.monotonic() > end:
            return
        due = time.monotonic() + ROUND_SECONDS
        made.append(f"soak-{time.time_ns()}")
        freehold("gateway", "key", "new", made[-1], "--requests-per-minute", "5")
        yield number
        traffic.wait_for_more()
        traffic.wait(after(due), "the round")
        freehold("gateway", "key", "revoke", made[-1])


def after(moment: float) -> Callable[[object], bool]:
    return lambda _: time.monotonic() > moment


def settled(gateways: Iterable[Gateway]) -> Counter[str]:
    """The sums of all nodes, once every client is gone and every row is on a disk.

    What stays is a connection of each other gateway to the authority, which it follows.
    """
    end, known = time.monotonic() + QUIET_SECONDS, list(gateways)
    while True:
        found = sum((one.counts() for one in known), Counter[str]())
        if found["freehold_gateway_connections"] < len(known) and not found["freehold_ledger_pending_rows"]:
            return found
        assert time.monotonic() < end, found


def when_quiet(gateways: Mapping[str, Gateway]) -> dict[str, int]:
    """Descriptors of each gateway when its clients are gone and its own connections to runtimes have rested."""
    settled(gateways.values())
    end, found = time.monotonic() + 2 * IDLE_SECONDS, {name: one.descriptors() for name, one in gateways.items()}
    while time.monotonic() < end:
        found = {name: min(number, gateways[name].descriptors()) for name, number in found.items()}
    return found


def test_restarts_lose_no_request_and_no_row(
    document: Document, access: Access, gateways: dict[str, Gateway], made: list[str]
) -> None:
    began, names = time.time(), cycle(gateways)
    run = f"soaka{time.time_ns()}"
    with mixed(document, access, run) as traffic:
        for _ in rounds(traffic, made, SECONDS / 2):
            gateways[next(names)].node.check_output(f"systemctl restart {UNIT}")
    assert unanswered(traffic.outcomes) == []
    settled(gateways.values())
    agree(traffic, all_rows(gateways, run))
    assert [line for one in gateways.values() for line in one.journal(began)] == []


def test_nothing_grows_and_all_counts_are_the_same(
    document: Document, access: Access, gateways: dict[str, Gateway], made: list[str]
) -> None:
    began, run = time.time(), f"soakb{time.time_ns()}"
    with mixed(document, access, f"{run}w") as warm:  # caches, buffers, the first of everything
        warm.wait_for_more(100)
    open_before, counted = when_quiet(gateways), settled(gateways.values())
    memory = {name: one.memory() for name, one in gateways.items()}
    with mixed(document, access, run) as traffic:
        for _ in rounds(traffic, made, SECONDS / 2):
            pass
    grown = {name: one.memory() - memory[name] for name, one in gateways.items()}
    allowed = {name: number + SPARE_DESCRIPTORS for name, number in open_before.items()}
    left = when_quiet(gateways)
    told = settled(gateways.values())
    told.subtract(counted)
    rows = all_rows(gateways, run)
    print(
        f"{len(traffic.outcomes)} requests, {len(rows)} rows, grown {grown} KB, descriptors {open_before} then {left}"
    )
    assert unanswered(traffic.outcomes) == []
    agree(traffic, rows)
    read, written = (sum(row[side] for row in rows.values()) for side in (0, 1))
    assert (told["input"], told["output"], told["freehold_ledger_lost_rows"]) == (read, written, 0)
    assert {name: number for name, number in left.items() if number > allowed[name]} == {}
    assert {name: kb for name, kb in grown.items() if kb > MOST_GROWTH_KB} == {}
    assert [line for one in gateways.values() for line in one.journal(began)] == []


def all_rows(gateways: Mapping[str, Gateway], name: str) -> dict[str, tuple[int, int]]:
    """The rows of all nodes; a request is in one book."""
    books = [one.rows(name) for one in gateways.values()]
    together: dict[str, tuple[int, int]] = {}
    for book in books:
        together |= book
    assert len(together) == sum(map(len, books))
    return together


def agree(traffic: Traffic, rows: Mapping[str, Any]) -> None:
    """Each request is in the books, with what its client was told; of a cut one the client knows no number."""
    let_in = [one for one in traffic.outcomes if one.kind != "models"]
    assert {one.id for one in let_in} == set(rows)
    told = {one.id: (one.prompt, one.completion) for one in let_in if one.prompt >= 0}
    assert {name: (row, told[name]) for name, row in rows.items() if name in told and row != told[name]} == {}
    assert len(told) > len(let_in) / 2
