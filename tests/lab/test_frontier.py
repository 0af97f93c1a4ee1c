"""Local first, and by exception to a frontier provider: what leaves, what does not, and what is on record of it."""

import json
from collections.abc import Iterator

import pytest
from tests.lab.leaving import HELLO, Client, Provider, exceptions, freehold, key_of
from tests.lab.waiting import until
from tests.lab.world import Document, Outside

from freehold.lab import frontier
from freehold.lab.provider.answers import TEXT
from freehold.paths import lab_paths
from freehold.status.gather import Access

INPUT, OUTPUT = 3_000, 15_000  # nano-USD a token, as freehold.lab.frontier has them a million
CARD = "4111 1111 1111 1111"


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider(frontier.folder(lab_paths()))


@pytest.fixture(scope="module")
def bob(outside: Outside, endpoint: str) -> Iterator[Client]:
    with key_of("bob", "--frontier") as key:
        client = Client(outside, endpoint, key)
        until(client.knows, "bob's key opens")
        yield client


@pytest.fixture(scope="module")
def local_model(document: Document) -> str:
    return str(document["models"][0]["name"])


def test_a_key_that_may_not_is_answered_here(
    outside: Outside, endpoint: str, access: Access, provider: Provider, local_model: str
) -> None:
    before = len(provider.came())
    said = Client(outside, endpoint, access.client_key).ask("frontier/always")
    assert (said.here, said.why) == (True, "key_may_not")
    assert said.json["model"] == local_model
    refused = Client(outside, endpoint, access.client_key).ask("frontier/strict")
    assert (refused.status, refused.json["error"]["code"]) == (403, "frontier_key_may_not")
    assert len(provider.came()) == before


def test_what_leaves_is_counted_to_the_nano_dollar(bob: Client, provider: Provider) -> None:
    before = len(provider.came())
    said = bob.ask("frontier/always", max_tokens=50, user="bob.meyer@acme-motors.de")
    assert (said.here, said.why) == (True, "rule_found"), "a person's address stays here, wherever it stands"
    said = bob.ask("frontier/always", max_tokens=50)
    assert (said.status, said.route) == (200, "frontier")
    assert said.json["choices"][0]["message"]["content"].strip() == TEXT
    (came,) = provider.came()[before:]
    assert (came["body"]["model"], came["body"]["max_tokens"], came["body"]["messages"]) == ("stand-in-1", 50, HELLO)
    assert not [name for name in came["headers"] if "freehold" in name]
    row, usage = exceptions("bob")[-1], said.json["usage"]
    assert (row["state"], row["prompt"], row["completion"]) == (
        "settled",
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert row["charged_nano_usd"] == usage["prompt_tokens"] * INPUT + usage["completion_tokens"] * OUTPUT
    assert (row["asked"], row["resolved"], row["reason"]) == ("frontier/always", "stand-in-1", "name")


def test_asking_by_header(bob: Client, local_model: str) -> None:
    assert bob.ask("frontier/asked").here
    assert bob.ask("frontier/asked", allow=True).route == "frontier"
    plain = bob.ask(local_model, allow=True)
    assert (plain.here, plain.why) == (True, "no_provider")


def test_streams_of_both_protocols(bob: Client) -> None:
    said = bob.ask("frontier/always", stream=True, max_tokens=50)
    assert said.route == "frontier"
    events = [line.removeprefix("data: ") for line in said.body.splitlines() if line.startswith("data: ")]
    assert events.pop() == "[DONE]"
    assert "".join(json.loads(one)["choices"][0]["delta"].get("content", "") for one in events).strip() == TEXT
    assert exceptions("bob")[-1]["completion"] == len(TEXT.split())
    said = bob.ask("frontier/claude", path="/messages", stream=True, max_tokens=50)
    assert (said.route, said.body.count("event: content_block_delta")) == ("frontier", len(TEXT.split()))
    row = exceptions("bob")[-1]
    assert (row["provider"], row["completion"], row["state"]) == ("stand-in-anthropic", len(TEXT.split()), "settled")


def test_what_may_never_leave_stays_and_the_rule_is_named(bob: Client, provider: Provider) -> None:
    before = len(provider.came())
    told = [{"role": "user", "content": f"Charge {CARD} please."}]
    said = bob.ask("frontier/always", messages=told)
    assert (said.here, said.why) == (True, "rule_found")
    refused = bob.ask("frontier/strict", messages=told)
    assert refused.status == 403
    assert "card" in refused.json["error"]["message"]
    assert CARD not in refused.body
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
    assert bob.ask("frontier/strict", messages=[{"role": "user", "content": picture}]).status in {400, 403}
    assert len(provider.came()) == before


def test_a_dark_provider_is_let_alone(bob: Client, provider: Provider) -> None:
    with provider.behaving(dark=True):
        until(lambda: bob.ask("frontier/always").why == "provider_dark", "connections from before are gone")
        before = len(provider.came())
        answers = [bob.ask("frontier/always") for _ in range(12)]
        assert {(one.here, one.why) for one in answers} == {(True, "provider_dark")}
        refused = bob.ask("frontier/strict")
        assert (refused.status, refused.json["error"]["code"]) == (503, "frontier_provider_dark")
        assert "retry-after" in refused.headers.lower()
        told = freehold("gateway", "explain", "--model", "frontier/always", "--key", "bob")["decision"]
        assert (told["outcome"], told["reason"]) == ("local", "provider_dark")
        assert len(provider.came()) - before <= 6, "it was asked again and again"
    until(lambda: bob.ask("frontier/always").route == "frontier", "the provider is tried again")
    told = freehold("gateway", "explain", "--model", "frontier/always", "--key", "bob")["decision"]
    assert (told["outcome"], told["provider"]) == ("leaves", "stand-in-openai")


def test_the_share_of_all_tokens(bob: Client, provider: Provider) -> None:
    before = len(provider.came())
    said = bob.ask("frontier/strict", max_tokens=900_000)
    assert (said.status, said.json["error"]["code"]) == (429, "frontier_share_cap")
    assert len(provider.came()) == before
