"""Two nodes behind either gateway: conversations are shared out, and a node without its runtime is stood in for."""

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest
from testinfra.host import Host
from tests.lab.streams import Door, Stream
from tests.lab.world import Document, NodeOf, Outside

from freehold.status.gather import Access

SECONDS = 60.0
BROKEN = {
    "/v1/chat/completions": ["stream_broken"],
    "/v1/messages": ["overloaded_error"],
    "/v1/responses": ["stream_broken"],
}
"""The one error that an answer ends with, in its protocol's form; each asks to send the request again."""


class Asking:
    """A client outside that talks to one gateway."""

    def __init__(self, outside: Outside, endpoint: str, access: Access, model: str) -> None:
        self.outside, self.endpoint, self.key, self.model = outside, endpoint, access.client_key, model

    def __call__(self, words: str) -> tuple[int, str]:
        """Status, and the other node that answered; empty for the gateway's own."""
        body = {"model": self.model, "max_tokens": 4, "messages": [{"role": "user", "content": words}]}
        header = f"Authorization: Bearer {self.key}"
        said = self.outside(
            "curl", "-si", "-H", header, "--json", json.dumps(body), f"{self.endpoint}/chat/completions"
        )
        node = re.search(r"^x-freehold-node: (\S+)", said.stdout, re.MULTILINE)
        return int(said.stdout.split()[1]), node[1] if node else ""

    def until(self, node: str) -> None:
        """Ask until ``node`` answers."""
        end, number = time.monotonic() + SECONDS, 0
        while self(f"Tell me of the number {number}.") != (200, node):
            number += 1
            assert time.monotonic() < end


@pytest.fixture
def asking(outside: Outside, endpoint: str, access: Access, document: Document) -> Asking:
    model = next(one["name"] for one in document["models"] if one["kind"] == "chat")
    return Asking(outside, endpoint, access, model)


@pytest.fixture
def stopped_runtime(node: Host, asking: Asking) -> Iterator[str]:
    unit = f"freehold-runtime@{asking.model}.service"
    node.check_output(f"systemctl stop {unit}")
    yield unit
    node.check_output(f"systemctl start {unit}")
    asking.until("")


def test_conversations_are_shared_out_and_stay_where_they_are(asking: Asking) -> None:
    told = [asking(f"Conversation {n}: who owns a freehold?") for n in range(12)]
    assert {status for status, _ in told} == {200}
    assert {node for _, node in told} == {"", "gpu2"}
    assert told == [asking(f"Conversation {n}: who owns a freehold?") for n in range(12)]


def test_a_node_without_its_runtime_is_stood_in_for(asking: Asking, stopped_runtime: str) -> None:
    assert stopped_runtime
    assert {asking(f"Question {n}: who owns a freehold?") for n in range(6)} == {(200, "gpu2")}


@pytest.fixture
def streams_at(asking: Asking) -> Iterator[Callable[..., dict[str, Stream]]]:
    """A long answer on each path, in its middle, by one node (empty: the gateway's own), which writes two at once."""
    opened: list[Stream] = []
    door = Door(asking.endpoint.removesuffix("/v1"), asking.key, asking.model)

    def open_at(node: str, path: str) -> Stream:
        for first in range(1, 7):
            opened.append(Stream.open(door, path, f"Write down all numbers from {first} to 500."))
            if (opened[-1].status, opened[-1].node) == (200, node):
                return opened[-1]
            opened[-1].close()
        raise AssertionError(f"no stream by {node or 'the gateway itself'}")

    yield lambda node, *paths: {path: open_at(node, path) for path in paths}
    for stream in opened:
        stream.close()


def test_a_runtime_that_dies_in_a_stream_is_one_error_and_the_next_answer_is_anothers(
    asking: Asking, streams_at: Callable[..., dict[str, Stream]], node: Host
) -> None:
    streams = streams_at("", "/v1/chat/completions", "/v1/messages")
    node.check_output(f"systemctl kill --kill-who=main --signal=KILL freehold-runtime@{asking.model}")
    assert {asking(f"Question {n}: who owns a freehold?") for n in range(4)} == {(200, "gpu2")}
    assert {path: stream.errors() for path, stream in streams.items()} == {path: BROKEN[path] for path in streams}
    asking.until("")


def test_a_nodes_gateway_that_dies_in_a_stream_is_one_error_and_the_next_answer_is_here(
    asking: Asking, streams_at: Callable[..., dict[str, Stream]], node_of: NodeOf
) -> None:
    streams = streams_at("gpu2", "/v1/messages", "/v1/responses")
    node_of("gpu2").check_output("systemctl kill --kill-who=main --signal=KILL freehold-gateway")
    assert {path: stream.errors() for path, stream in streams.items()} == {path: BROKEN[path] for path in streams}
    assert asking("Question: who owns a freehold?") == (200, ""), "it rests, though its socket still takes connections"
    assert {asking(f"Question {n}: who owns a freehold?")[0] for n in range(4)} == {200}
    asking.until("gpu2")
