"""Keys by command and the books, on the real nodes: a key opens and closes, limits hold, all counts are the same."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from testinfra.host import Host
from tests.lab.world import Document, NodeOf, Outside

from freehold.paths import PROJECT
from freehold.process import run

SECONDS = 10.0
UNSEEN = 8
SECRET = "/etc/freehold/credentials/internal-key"
LEDGER = "/var/lib/freehold/gateway/ledger.sqlite3"


def freehold(*words: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run([PROJECT / ".venv/bin/freehold", *words, "--json"], timeout=60).stdout)
    return told


@pytest.fixture
def alice() -> Iterator[str]:
    made = freehold("gateway", "key", "new", "alice", "--requests-per-minute", "3")
    yield str(made["key"])
    if "alice" in {row["name"] for row in freehold("gateway", "key", "list")["keys"]}:
        freehold("gateway", "key", "revoke", "alice")


class Asking:
    """A client outside, with one key."""

    def __init__(self, outside: Outside, endpoint: str, key: str, model: str) -> None:
        self.outside, self.endpoint, self.key, self.model = outside, endpoint, key, model

    def models(self) -> int:
        words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"x-api-key: {self.key}"]
        return int(self.outside(*words, f"{self.endpoint}/models").stdout)

    def chat(self) -> tuple[int, dict[str, Any]]:
        body = {"model": self.model, "max_tokens": 8, "messages": [{"role": "user", "content": "hi"}]}
        words = ["curl", "-s", "-w", "\n%{http_code}", "-H", f"x-api-key: {self.key}", "--json", json.dumps(body)]
        said, status = self.outside(*words, f"{self.endpoint}/chat/completions").stdout.rsplit("\n", 1)
        return int(status), json.loads(said)

    def cut(self, seconds: float) -> None:
        """A long stream, of which only so much is waited for."""
        asked = {"model": self.model, "max_tokens": 900, "stream": True, "ignore_eos": True}
        body = {**asked, "messages": [{"role": "user", "content": "Count as far as you can."}]}
        words = ["curl", "-sN", "--max-time", str(seconds), "-H", f"x-api-key: {self.key}", "--json", json.dumps(body)]
        said = self.outside(*words, f"{self.endpoint}/chat/completions").stdout
        assert said.count("data: ") > 3
        assert "[DONE]" not in said

    def until(self, status: int) -> None:
        end = time.monotonic() + SECONDS
        while (found := self.models()) != status:
            assert time.monotonic() < end, f"still {found}"


def counters(nodes: Iterable[Host], port: int) -> Counter[str]:
    """The runtimes' own counts, of all nodes together: any of them may have answered."""
    found: Counter[str] = Counter()
    for node in nodes:
        said = node.check_output(f'curl -s http://127.0.0.1:{port}/metrics -H "Authorization: Bearer $(cat {SECRET})"')
        rows = (line.rpartition(" ")[::2] for line in said.splitlines() if line.startswith("llamacpp:"))
        found.update({name: int(float(value)) for name, value in rows if "tokens" in name})
    return found


def settled_counters(nodes: list[Host], port: int) -> Counter[str]:
    """The same, once they stand still: a runtime counts a cut answer when it has noticed."""
    end, found = time.monotonic() + SECONDS, counters(nodes, port)
    while (later := counters(nodes, port)) != found:
        assert time.monotonic() < end
        found = later
    return later


def told_by_metrics(nodes: Iterable[Host], key: str) -> Counter[str]:
    """Tokens of ``key`` by type, of all gateways together."""
    found: Counter[str] = Counter()
    for node in nodes:
        for line in node.check_output("curl -s http://127.0.0.1:8081/metrics").splitlines():
            if line.startswith("freehold_gateway_tokens_total{") and f'key="{key}"' in line:
                labels, _, value = line.rpartition(" ")
                (kind,) = re.findall(r'type="(\w+)"', labels)
                found[kind] += int(float(value))
    return found


def line_of(name: str) -> dict[str, Any]:
    """The living key's sums in the ledgers."""
    (own,) = (row["id"] for row in freehold("gateway", "key", "list")["keys"] if row["name"] == name)
    lines = [one for one in freehold("usage", "--by", "key")["lines"] if one["key_id"] == own]
    return lines[0] if lines else {"requests": 0, "prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0}


def test_a_key_by_command_opens_holds_its_limit_and_closes_within_seconds(
    document: Document, outside: Outside, endpoint: str, alice: str, node: Host
) -> None:
    client = Asking(outside, endpoint, alice, document["models"][0]["name"])
    client.until(200)
    assert [client.chat()[0] for _ in range(4)] == [200, 200, 200, 429]
    freehold("gateway", "key", "revoke", "alice")
    client.until(401)
    assert node.file(f"{LEDGER}-wal").exists, "a command took the gateway's log away"
    assert node.file(LEDGER).mode == 0o600


def test_client_ledger_and_runtime_count_the_same(
    document: Document, outside: Outside, endpoint: str, alice: str, node_of: NodeOf
) -> None:
    nodes = [node_of(host["name"]) for host in document["hosts"]]
    model = next(one for one in document["models"] if one["kind"] == "chat")
    client = Asking(outside, endpoint, alice, model["name"])
    client.until(200)
    before = counters(nodes, model["port"])
    answers = [client.chat() for _ in range(3)]
    assert [status for status, _ in answers] == [200, 200, 200]
    read = sum(said["usage"]["prompt_tokens"] for _, said in answers)
    written = sum(said["usage"]["completion_tokens"] for _, said in answers)
    grown = counters(nodes, model["port"])
    grown.subtract(before)
    assert grown["llamacpp:tokens_predicted_total"] == written
    assert grown["llamacpp:prompt_tokens_total"] + grown["llamacpp:prompt_tokens_cached_total"] == read
    line = line_of("alice")
    assert (line["requests"], line["prompt_tokens"], line["completion_tokens"]) == (3, read, written)
    cached = sum(said["usage"].get("prompt_tokens_details", {}).get("cached_tokens", 0) for _, said in answers)
    assert line["cached_tokens"] == cached == grown["llamacpp:prompt_tokens_cached_total"]


def test_a_stream_that_the_client_cuts_is_counted_as_far_as_it_came(
    document: Document, outside: Outside, endpoint: str, alice: str, node_of: NodeOf
) -> None:
    nodes = [node_of(host["name"]) for host in document["hosts"]]
    model = next(one for one in document["models"] if one["kind"] == "chat")
    client = Asking(outside, endpoint, alice, model["name"])
    client.until(200)
    runtime, metrics, ledger = counters(nodes, model["port"]), told_by_metrics(nodes, "alice"), line_of("alice")
    client.cut(1.5)
    end = time.monotonic() + SECONDS
    while (line := line_of("alice"))["requests"] == ledger["requests"]:
        assert time.monotonic() < end, "the ledger has no row of it"
    grown = settled_counters(nodes, model["port"])
    grown.subtract(runtime)
    written = line["completion_tokens"] - ledger["completion_tokens"]
    read = line["prompt_tokens"] - ledger["prompt_tokens"]
    told = told_by_metrics(nodes, "alice")
    assert (told["input"] - metrics["input"], told["output"] - metrics["output"]) == (read, written)
    assert grown["llamacpp:prompt_tokens_total"] + grown["llamacpp:prompt_tokens_cached_total"] == read
    # The runtime writes on until it sees that nobody listens: a few tokens that nobody was sent.
    assert written > 3
    assert 0 <= grown["llamacpp:tokens_predicted_total"] - written <= UNSEEN
