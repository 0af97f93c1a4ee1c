"""Tokens are counted exactly, whatever the client does with its answer."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from tests.unit.gateway.harness import CHAT, CLIENT_KEY, EMBEDDING, LARGE, OTHER_KEY, Harness, eventually

PATH = "/v1/chat/completions"


def ask(
    gateway: Harness, body: dict[str, Any], path: str = PATH, key: str = CLIENT_KEY
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=5)
    connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {key}"})
    return connection, connection.getresponse()


def chat(words: str, model: str = CHAT, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": words}], **more}


def until(answer: http.client.HTTPResponse, piece: bytes) -> None:
    got = b""
    while piece not in got:
        got += answer.read1(4096)


class Tokens:
    """The counters of one key and model, since the test began."""

    def __init__(self, gateway: Harness, model: str, key: str = "operator") -> None:
        self._gateway, self._labels = gateway, {"model": model, "key": key}
        self._before = self._now()

    def _now(self) -> tuple[float, float]:
        name = "freehold_gateway_tokens_total"
        return (
            self._gateway.count(name, type="input", **self._labels),
            self._gateway.count(name, type="output", **self._labels),
        )

    def become(self, read: int, written: int) -> None:
        eventually(lambda: self._now() == (self._before[0] + read, self._before[1] + written))


@pytest.mark.parametrize("model", [CHAT, LARGE])
@pytest.mark.parametrize("stream", [False, True])
def test_answers_read_to_their_end(gateway: Harness, model: str, stream: bool) -> None:  # noqa: FBT001
    tokens = Tokens(gateway, model)
    connection, answer = ask(gateway, chat("hi", model, stream=stream))
    answer.read()
    connection.close()
    tokens.become(11, 3)


@pytest.mark.parametrize("model", [CHAT, LARGE])
def test_a_stream_that_the_client_cuts_counts_what_was_written_and_stops_the_runtime(
    gateway: Harness, model: str
) -> None:
    tokens = Tokens(gateway, model)
    before = gateway.count("freehold_gateway_cut_answers_total", by="client", model=model)
    connection, answer = ask(gateway, chat("hold", model, stream=True))
    until(answer, b"zw")
    answer.close()
    connection.close()
    eventually(lambda: gateway.runtime.cancelled == ["hold"])
    tokens.become(11, 2)
    eventually(lambda: gateway.count("freehold_gateway_cut_answers_total", by="client", model=model) == before + 1)


def test_a_client_that_goes_before_its_answer_stops_the_runtime(gateway: Harness) -> None:
    connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=5)
    connection.request("POST", PATH, json.dumps(chat("wait")), {"Authorization": f"Bearer {CLIENT_KEY}"})
    eventually(lambda: gateway.runtime.seen)
    before = gateway.count("freehold_gateway_requests_total", status="499")
    connection.close()
    eventually(lambda: gateway.runtime.cancelled == ["wait"])
    eventually(lambda: gateway.count("freehold_gateway_requests_total", status="499") == before + 1)


def test_each_key_has_its_own_count(gateway: Harness) -> None:
    mine, theirs = Tokens(gateway, CHAT), Tokens(gateway, CHAT, key="other")
    connection, answer = ask(gateway, chat("hi"), key=OTHER_KEY)
    answer.read()
    connection.close()
    theirs.become(11, 3)
    mine.become(0, 0)


def test_embeddings_count_what_was_read(gateway: Harness) -> None:
    tokens = Tokens(gateway, EMBEDDING)
    connection, answer = ask(gateway, {"model": EMBEDDING, "input": "hi"}, "/v1/embeddings")
    answer.read()
    connection.close()
    tokens.become(4, 0)


def test_standard_metrics_agree_with_ours(gateway: Harness) -> None:
    def sums() -> tuple[float, float, float]:
        labels = {"gen_ai_request_model": CHAT, "gen_ai_operation_name": "chat"}
        return (
            gateway.count("gen_ai_client_token_usage_sum", gen_ai_token_type="output", **labels),
            gateway.count("gen_ai_server_request_duration_seconds_count", **labels),
            gateway.count("gen_ai_server_time_to_first_token_seconds_count", **labels),
        )

    tokens, before = Tokens(gateway, CHAT), sums()
    connection, answer = ask(gateway, chat("hi", stream=True))
    answer.read()
    connection.close()
    tokens.become(11, 3)
    assert sums() == (before[0] + 3, before[1] + 1, before[2] + 1)


def test_simulated_parts_are_named(gateway: Harness) -> None:
    assert gateway.count("freehold_simulated", part="gpu") == 1
    assert gateway.count("freehold_simulated", part="network") == 0


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("wanted", [False, True])
def test_stream_is_the_same_wherever_the_network_splits_it(gateway: Harness, size: int, wanted: bool) -> None:  # noqa: FBT001
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if wanted else {}
    tokens = Tokens(gateway, CHAT)
    connection, answer = ask(gateway, chat(f"split={size}", stream=True, **options))
    whole = answer.read()
    connection.close()
    events = [json.loads(row[6:]) for row in whole.decode().split("\n\n") if row.startswith("data: {")]
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"]) == (
        "eins zwölf 三"
    )
    assert sum("usage" in event for event in events) == int(wanted)
    assert whole.endswith(b"data: [DONE]\n\n")
    assert b"timings" not in whole
    tokens.become(11, 3)


def test_chunks_arrive_one_by_one(gateway: Harness) -> None:
    """The first tokens are here while the runtime still holds the rest."""
    connection, answer = ask(gateway, chat("hold", stream=True))
    until(answer, b"zw")
    assert gateway.runtime.cancelled == []
    assert gateway.count("freehold_gateway_open_requests", model=CHAT) == 1
    answer.close()
    connection.close()
    eventually(lambda: gateway.count("freehold_gateway_open_requests", model=CHAT) == 0)
