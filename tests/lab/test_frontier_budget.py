"""What may be spent holds, whatever happens: a greedy client, kill -9, a closed ledger, clocks that step, a cut."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from testinfra.host import Host
from tests.lab.leaving import Client, Provider, exceptions, freehold, key_of
from tests.lab.waiting import until
from tests.lab.world import Document, NodeOf, Outside

from freehold.lab import frontier
from freehold.paths import lab_paths
from freehold.process import ProcessError

LEDGER = "/var/lib/freehold/gateway/ledger.sqlite3"
PYTHON = "/opt/freehold/venvs/gateway/bin/python"
UNIT = "freehold-gateway.service"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider(frontier.folder(lab_paths()))


def worst_of(client: Client, name: str) -> float:
    """USD that one request of these reserves, as the ledger has it."""
    assert client.ask("frontier/always").route == "frontier"
    return float(exceptions(name)[-1]["worst_nano_usd"]) / 1e9


@contextmanager
def capped(outside: Outside, endpoint: str, name: str, requests: float) -> Iterator[Client]:
    """A key whose month has room for so many reservations at once."""
    with key_of(name, "--frontier") as key:
        client = Client(outside, endpoint, key)
        until(client.knows, f"{name}'s key opens")
        usd = requests * worst_of(client, name)
        freehold("gateway", "key", "limit", name, "--frontier", "--frontier-usd-per-month", f"{usd:.9f}")
        yield client


def test_a_greedy_client_gets_what_its_cap_allows_and_no_more(
    outside: Outside, endpoint: str, provider: Provider
) -> None:
    with capped(outside, endpoint, "greedy", 3.5) as client:
        before = len(provider.came())
        with provider.behaving(seconds=3.0), ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(lambda _: client.ask("frontier/always"), range(24)))
        assert {one.status for one in answers} == {200}
        left = [one for one in answers if one.route == "frontier"]
        assert (len(left), len(provider.came()) - before) == (3, 3)
        assert {one.why for one in answers if one.here} == {"money_cap"}
        assert client.ask("frontier/always").route == "frontier", "what they did not use came back"


def test_kill_9_with_a_request_on_its_way_counts_it_in_full(
    outside: Outside, endpoint: str, provider: Provider, node: Host
) -> None:
    with capped(outside, endpoint, "killed", 1.5) as client:
        assert client.ask("frontier/always").route == "frontier", "there is room for one at a time"
        before = len(provider.came())
        with provider.behaving(seconds=20.0), ThreadPoolExecutor(1) as pool:
            asked = pool.submit(_cut_off, client)
            until(lambda: len(provider.came()) > before, "the request is at the provider")
            node.check_output(f"systemctl kill --signal=SIGKILL {UNIT}")
            asked.result()
        until(client.knows, "the gateway is back")
        assert exceptions("killed")[-1]["state"] == "unsettled"
        said = client.ask("frontier/always")
        assert (said.here, said.why) == (True, "money_cap")
        assert len(provider.came()) == before + 1


def test_a_request_that_broke_off_counts_in_full(outside: Outside, endpoint: str, provider: Provider) -> None:
    with key_of("doubtful", "--frontier") as key:
        client = Client(outside, endpoint, key)
        until(client.knows, "the key opens")
        with provider.behaving(mute=True):
            said = client.ask("frontier/always")
        assert (said.here, said.why) == (True, "provider_dark")
        row = exceptions("doubtful")[-1]
        assert "in doubt" in row["outcome"]
        assert row["charged_nano_usd"] == row["worst_nano_usd"] > 0


def _cut_off(client: Client) -> None:
    """A request that never gets an answer: the gateway is killed under it."""
    with pytest.raises((IndexError, ValueError)):
        client.ask("frontier/always")


@contextmanager
def nobody_can_write(node: Host) -> Iterator[None]:
    """Hold the ledger's lock for writing, as a backup that hangs would."""
    script = (
        f"import sqlite3, time; c = sqlite3.connect('{LEDGER}', isolation_level=None); c.execute('BEGIN IMMEDIATE'); "
        "open('/run/holding', 'w').write('x'); time.sleep(60)"
    )
    node.check_output("rm -f /run/holding")
    node.check_output(f'setsid {PYTHON} -c "{script}" </dev/null >/dev/null 2>&1 & echo $! > /run/holding.pid')
    until(lambda: node.file("/run/holding").exists, "the lock is held")
    try:
        yield
    finally:
        node.check_output("kill $(cat /run/holding.pid); rm -f /run/holding /run/holding.pid")


def test_where_the_ledger_cannot_be_written_nothing_leaves_and_local_traffic_goes_on(
    outside: Outside, endpoint: str, provider: Provider, node: Host, document: Document
) -> None:
    with key_of("held", "--frontier") as key:
        client = Client(outside, endpoint, key)
        until(client.knows, "the key opens")
        assert client.ask("frontier/always").route == "frontier"
        before = len(provider.came())
        with nobody_can_write(node):
            said = client.ask("frontier/always")
            assert (said.here, said.why) == (True, "ledger_not_writable")
            assert client.ask(document["models"][0]["name"]).status == 200
            assert len(provider.came()) == before
        until(lambda: client.ask("frontier/always").route == "frontier", "it leaves again")
        lines = [one for one in freehold("usage", "--by", "key")["lines"] if one["key"] == "held"]
        assert sum(one["requests"] for one in lines) >= 4, "what waited was written"


def test_a_clock_that_was_set_ahead_closes_the_frontier_until_its_owner_says_it_is_right(
    outside: Outside, endpoint: str, provider: Provider, node: Host, document: Document
) -> None:
    statement = "UPDATE clock SET ms = ms - 3600000"
    back = f"import sqlite3; c = sqlite3.connect('{LEDGER}'); c.execute('{statement}'); c.commit()"
    with key_of("timely", "--frontier") as key:
        client = Client(outside, endpoint, key)
        until(client.knows, "the key opens")
        assert client.ask("frontier/always").route == "frontier"
        # To the ledger that is the same as a wall clock that was set an hour ahead while the gateway was down.
        node.check_output(f'systemctl stop {UNIT}; {PYTHON} -c "{back}"; systemctl start {UNIT}')
        until(client.knows, "the gateway is back")
        before = len(provider.came())
        said = client.ask("frontier/always")
        assert (said.here, said.why) == (True, "clock_stepped")
        with pytest.raises(ProcessError, match="LEDGER_WRONG"):
            freehold("gateway", "ledger", "check")
        assert len(provider.came()) == before
        assert freehold("gateway", "ledger", "accept-clock", document["hosts"][0]["name"])["ahead_ms"] >= HOUR_MS - 1000
        until(lambda: client.ask("frontier/always").route == "frontier", "it leaves again")
    assert set(freehold("gateway", "ledger", "check")) == {host["name"] for host in document["hosts"]}


@contextmanager
def cut_off(node: Host) -> Iterator[None]:
    """The node's private plane is cut; its clients still reach it."""
    node.check_output("nft add table inet test_cut")
    try:
        for chain, card in (("input", "iifname"), ("output", "oifname")):
            hook = f"{{ type filter hook {chain} priority -10; }}"
            node.check_output(
                f"nft 'add chain inet test_cut {chain} {hook}; add rule inet test_cut {chain} {card} fh0 drop'"
            )
        yield
    finally:
        node.check_output("nft delete table inet test_cut")


def test_a_gateway_that_is_cut_off_lets_nothing_new_out_and_hears_of_a_revocation_when_it_is_back(
    outside: Outside, document: Document, provider: Provider, node_of: NodeOf
) -> None:
    second = document["hosts"][1]
    endpoint = f"http://{second['serve_address']}:{document['gateway']['port']}/v1"
    with key_of("leased", "--frontier") as one, key_of("unleased", "--frontier") as other:
        leased, unleased = Client(outside, endpoint, one), Client(outside, endpoint, other)
        until(leased.knows, "a key by command opens the second node's gateway, too")
        until(unleased.knows, "and another")
        assert leased.ask("frontier/always").route == "frontier"
        assert exceptions("leased")[-1]["lease_id"]
        with cut_off(node_of(second["name"])):
            before, began = len(provider.came()), time.monotonic()
            said = unleased.ask("frontier/always")
            assert (said.here, said.why) == (True, "no_lease")
            assert time.monotonic() - began < 10.0
            assert len(provider.came()) == before
        until(lambda: unleased.ask("frontier/always").route == "frontier", "it leaves again", 30.0)
    until(lambda: leased.knows(401), "the revocation closes the second node's gateway, too")
