"""A restart of the gateway loses no request: who comes waits, what is open ends; and without its socket it would."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from testinfra.host import Host
from tests.lab.steady import lost, steady, unanswered
from tests.lab.streams import TOKENS, Door, Stream
from tests.lab.world import Document, NodeOf

from freehold.lab import outside as lab_outside
from freehold.lab.plan import lab_plan
from freehold.status.gather import Access

UNIT, SOCKETS = "freehold-gateway.service", "freehold-gateway.socket"
SETTINGS = "/etc/freehold/gateway.json"
DRAIN = 3
PATIENCE = DRAIN + 25

OpenStream = Callable[..., Stream]


@pytest.fixture(scope="module")
def urls(document: Document) -> dict[str, str]:
    """Each node's own way in."""
    return {host["name"]: f"http://{host['serve_address']}:{document['gateway']['port']}" for host in document["hosts"]}


@pytest.fixture
def open_stream(access: Access, document: Document) -> Iterator[OpenStream]:
    """Long answers, in their middle."""
    model = next(one["name"] for one in document["models"] if one["kind"] == "chat")
    opened: list[Stream] = []

    def make(url: str, path: str, tokens: int = TOKENS) -> Stream:
        opened.append(Stream.open(Door(url, access.client_key, model), path, tokens=tokens))
        return opened[-1]

    yield make
    for stream in opened:
        stream.close()


def process(node: Host) -> str:
    return str(node.check_output(f"systemctl show --property=InvocationID --value {UNIT}"))


def test_restarts_under_load_lose_no_request(
    document: Document, access: Access, urls: dict[str, str], node_of: NodeOf, open_stream: OpenStream
) -> None:
    """Every node in turn, while clients ask all of them, over new connections and kept ones, in three protocols."""
    mix = ("models", "stream", "models", "plain", "models", "messages", "models", "embeddings")
    with steady(
        document, access.client_key, urls.values(), name="restart", mix=mix, per_second=6, tokens=12
    ) as traffic:
        traffic.wait_for_more()
        for name, url in urls.items():
            node, stream = node_of(name), open_stream(url, "/v1/chat/completions", tokens=100)
            before, began = process(node), time.monotonic()
            node.check_output(f"systemctl restart {UNIT}")
            assert process(node) != before
            events = stream.rest()
            assert [one["finish_reason"] for event in events for one in event["choices"]][-1] == "length", "its own end"
            traffic.wait_for_more()
            assert any(one.begun > began and one.ended - one.begun > 0.3 for one in traffic.outcomes), "nobody waited"
    assert unanswered(traffic.outcomes) == []


def test_a_gateway_that_is_killed_keeps_who_waits(
    document: Document, access: Access, urls: dict[str, str], node_of: NodeOf
) -> None:
    """What it was at work on is lost with it; new connections are not refused, and are answered when it is back."""
    name = [*urls][-1]
    with steady(document, access.client_key, [urls[name]], name="killed", mix=["models"], per_second=20) as traffic:
        traffic.wait_for_more()
        died = time.monotonic()
        node_of(name).check_output(f"systemctl kill --kill-who=main --signal=KILL {UNIT}")
        traffic.wait_for_more()
    assert [one for one in lost(traffic.outcomes) if not one.begun < died + 0.5] == []
    assert any(one.whole and died + 0.2 < one.begun < died + 2 for one in traffic.outcomes), (
        "some came while it was gone"
    )


def test_without_its_socket_clients_are_refused(
    document: Document, access: Access, urls: dict[str, str], node_of: NodeOf
) -> None:
    """The positive control: the same count sees what a restart costs where nobody holds the address."""
    name = [*urls][-1]
    node = node_of(name)
    with steady(document, access.client_key, [urls[name]], name="refused", mix=["models"], per_second=20) as traffic:
        traffic.wait_for_more()
        node.check_output(f"systemctl stop {SOCKETS}")
        traffic.wait(lambda outcomes: any(one.raised == "APIConnectionError" for one in outcomes), "nobody was refused")
        node.check_output(f"systemctl start {UNIT}")
        assert node.service(SOCKETS).is_running
        traffic.wait_for_more()
    assert lost(traffic.outcomes)
    assert traffic.outcomes[-1].whole


@pytest.fixture
def short_drain(node_of: NodeOf, urls: dict[str, str]) -> Iterator[Host]:
    """The last node with a drain of three seconds, for streams that last longer; its settings are put back."""
    node = node_of([*urls][-1])
    kept = node.check_output(f"cat {SETTINGS}")
    assert '"drain_seconds": 30' in kept
    node.check_output(
        f'sed -i \'s/"drain_seconds": 30/"drain_seconds": {DRAIN}/\' {SETTINGS} && systemctl restart {UNIT}'
    )
    yield node
    node.check_output(
        f'sed -i \'s/"drain_seconds": {DRAIN}/"drain_seconds": 30/\' {SETTINGS} && systemctl restart {UNIT}'
    )
    assert node.check_output(f"cat {SETTINGS}") == kept


def test_a_stream_longer_than_the_drain_ends_with_one_error_that_asks_to_send_it_again(
    short_drain: Host, open_stream: OpenStream, access: Access, urls: dict[str, str]
) -> None:
    url = [*urls.values()][-1]
    streams = [open_stream(url, path) for path in ("/v1/chat/completions", "/v1/messages")]  # a runtime writes two
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        restart = pool.submit(short_drain.check_output, f"systemctl restart {UNIT}")
        while short_drain.run(f"systemctl is-active {UNIT}").stdout.strip() != "deactivating":
            assert not restart.done()
        late = status_of(url, access.client_key)
        restart.result(PATIENCE)
    assert [stream.errors() for stream in streams] == [["draining"], ["overloaded_error"]]
    assert late == 200
    assert time.monotonic() - begun > DRAIN


def status_of(url: str, key: str) -> int:
    words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "30", "-H", f"x-api-key: {key}"]
    done = subprocess.run(
        lab_outside.command(lab_plan(), [*words, f"{url}/v1/models"]), capture_output=True, text=True, check=False
    )
    return int(done.stdout)
