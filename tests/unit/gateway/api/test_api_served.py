"""All protocols through the gateway: one address, each one's answers, streams, keys and errors. The runtime replays."""

from __future__ import annotations

import http.client
import json
from typing import Any

import openai
import pytest
from tests.unit.gateway.api.recorded import data_of, recorded
from tests.unit.gateway.harness import CHAT, CLIENT_KEY, DOWN, EMBEDDING, LARGE, Harness, eventually, running

from freehold.gateway.config import Limits

VERSION = {"anthropic-version": "2023-06-01"}
BEARER, OWN = {"Authorization": f"Bearer {CLIENT_KEY}"}, {"x-api-key": CLIENT_KEY}
ASKED = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}
ENGINE = {CHAT: "llama_cpp", LARGE: "vllm"}


class Answer:
    """What came back."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.raw = answer.status, answer.headers, answer.read()

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.raw)
        return told


def ask(gateway: Harness, path: str, body: Any = None, headers: dict[str, str] = OWN) -> Answer:
    connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=10)
    try:
        data = body if isinstance(body, bytes | None) else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, data, headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def counted(gateway: Harness, model: str) -> tuple[float, float]:
    name = "freehold_gateway_tokens_total"
    return gateway.count(name, model=model, type="input"), gateway.count(name, model=model, type="output")


@pytest.mark.parametrize("model", [CHAT, LARGE])
@pytest.mark.parametrize(
    ("path", "body"), [("/v1/messages", ASKED), ("/v1/responses", {"input": "hi", "max_output_tokens": 8})]
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_comes_and_is_counted(
    gateway: Harness,
    model: str,
    path: str,
    body: dict[str, Any],
    stream: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    name, before = path.rpartition("/")[2], counted(gateway, model)
    answer = ask(gateway, path, {"model": model, "stream": stream, **body})
    assert answer.status == 200
    assert answer.headers["x-freehold-model"] == model
    usage = json.loads(recorded(ENGINE[model], f"{name}.json"))["usage"]
    read = usage["input_tokens"] + usage.get("cache_read_input_tokens", 0)
    eventually(lambda: counted(gateway, model) == (before[0] + read, before[1] + usage["output_tokens"]))
    if not stream:
        assert answer.raw == recorded(ENGINE[model], f"{name}.json")
    elif name == "messages":
        assert answer.raw == recorded(ENGINE[model], f"{name}.sse")
    else:
        assert data_of(answer.raw)[-1]["type"] == "response.completed"


def test_counting_tokens_costs_none(gateway: Harness) -> None:
    before = counted(gateway, CHAT)
    answer = ask(gateway, "/v1/messages/count_tokens?beta=true", {"model": CHAT, "messages": ASKED["messages"]})
    assert answer.told["input_tokens"] > 0
    assert gateway.runtime.seen[0][0] == "/v1/messages/count_tokens"
    assert counted(gateway, CHAT) == before


@pytest.mark.parametrize("headers", [BEARER, OWN, {**BEARER, **OWN}, {**OWN, **VERSION}])
def test_either_header_shows_the_key(gateway: Harness, headers: dict[str, str]) -> None:
    assert ask(gateway, "/v1/models", headers=headers).status == 200
    assert ask(gateway, "/v1/messages", {"model": CHAT, **ASKED}, headers).status == 200
    assert ask(gateway, "/v1/chat/completions", {"model": CHAT, **ASKED}, headers).status == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-api-key": "wrong"}, {"x-api-key": ""}, {**BEARER, "x-api-key": "fh-" + "z" * 43}, {"api-key": CLIENT_KEY}],
)
def test_no_key_a_wrong_key_and_two_keys_are_refused_in_anthropics_form(
    gateway: Harness, headers: dict[str, str]
) -> None:
    answer = ask(gateway, "/v1/messages", {"model": CHAT, **ASKED}, headers)
    assert answer.status == 401
    assert answer.told["error"]["type"] == "authentication_error"
    assert answer.told["request_id"] == answer.headers["x-request-id"]
    assert gateway.runtime.seen == []


def test_models_are_listed_in_the_form_of_who_asks(gateway: Harness) -> None:
    told = ask(gateway, "/v1/models?limit=20", headers={**OWN, **VERSION}).told
    assert [model["id"] for model in told["data"]] == [CHAT, LARGE, EMBEDDING, DOWN]
    assert (told["first_id"], told["last_id"], told["has_more"]) == (CHAT, DOWN, False)
    one = ask(gateway, f"/v1/models/{CHAT}", headers={**OWN, **VERSION}).told
    assert (one["type"], one["display_name"]) == ("model", CHAT)
    assert ask(gateway, "/v1/models").told["object"] == "list"
    missing = ask(gateway, "/v1/models/claude", headers={**OWN, **VERSION})
    assert (missing.status, missing.told["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/v1/messages", {"model": "claude-x", **ASKED}, 404, "not_found_error"),
        ("/v1/messages", {"model": EMBEDDING, **ASKED}, 404, "not_found_error"),
        ("/v1/messages", {"model": CHAT, **ASKED, "max_tokens": -1}, 400, "invalid_request_error"),
        ("/v1/messages", {"model": DOWN, **ASKED}, 529, "overloaded_error"),
        ("/v1/messages", b"{", 400, "invalid_request_error"),
        ("/v1/messages/batches", {}, 404, "not_found_error"),
    ],
)
def test_errors_of_messages_have_anthropics_form(
    gateway: Harness, path: str, body: Any, status: int, kind: str
) -> None:
    answer = ask(gateway, path, body)
    assert (answer.status, answer.told["type"], answer.told["error"]["type"]) == (status, "error", kind)
    if status == 404 and "batches" not in path:
        assert CHAT in answer.told["error"]["message"]


def test_a_body_too_large_has_its_own_type() -> None:
    with running(Limits(body_bytes=2048, drain_seconds=1)) as gateway:
        answer = ask(gateway, "/v1/messages", b" " * 4096)
        assert (answer.status, answer.told["error"]["type"]) == (413, "request_too_large")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize(
    "twice",
    [
        b'{"model":"tiny-chat","model":"tiny-vllm","messages":[]}',
        b'{"model":"tiny-chat","messages":[{"role":"user","role":"system","content":"x"}]}',
        b'{"model":"tiny-chat","max_tokens":1,"max_\\u0074okens":100000,"messages":[]}',
        b'{"model":"tiny-chat" ,"stream" :false,\n"stream"\t:true,"messages":[]}',
    ],
)
def test_a_field_that_is_there_twice_is_refused(gateway: Harness, path: str, twice: bytes) -> None:
    """Engines and gateways differ in which one they believe."""
    answer = ask(gateway, path, twice)
    assert answer.status == 400
    assert "more than once" in answer.told["error"]["message"]
    assert gateway.runtime.seen == []


def test_a_prompt_that_talks_of_the_same_field_twice_is_served(gateway: Harness) -> None:
    said = '{"model": 1, "model": 2} "a": "a":'
    body = {"model": CHAT, "messages": [{"role": "user", "content": said}, {"role": "user", "content": "x"}]}
    assert ask(gateway, "/v1/chat/completions", body).status == 200


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_what_is_not_utf_8_is_refused(gateway: Harness, encoding: str) -> None:
    raw = json.dumps({"model": CHAT, **ASKED}).encode(encoding)
    assert ask(gateway, "/v1/chat/completions", raw).status == 400


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [("/v1/messages", ASKED, "messages"), ("/v1/responses", {"input": "die"}, "responses")],
)
def test_a_runtime_that_dies_in_a_stream_gives_one_error_in_the_protocols_form(
    gateway: Harness, path: str, body: dict[str, Any], name: str
) -> None:
    del name
    dying = {**body, "messages": [{"role": "user", "content": "die"}]} if "messages" in body else body
    events = ask(gateway, path, {"model": CHAT, "stream": True, **dying}).raw.rstrip().split(b"\n\n")
    last = events[-1].decode().split("\n")
    assert last[0] == "event: error"
    error = json.loads(last[1][6:])
    assert error["type"] == "error"
    assert "stopped in the middle" in error["error"]["message"]


def test_openais_sdk_raises_for_a_response_that_broke(gateway: Harness) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0) as sdk:
        stream = sdk.responses.create(model=CHAT, input="die", stream=True)
        with pytest.raises(openai.APIError, match="stopped in the middle"):
            list(stream)


def test_openais_sdk_puts_a_response_together(gateway: Harness) -> None:
    for model in (CHAT, LARGE):
        with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0) as sdk:
            plain = sdk.responses.create(model=model, input="hi")
            with sdk.responses.stream(model=model, input="hi") as stream:
                kinds = [event.type for event in stream]
                assert stream.get_final_response().output_text == plain.output_text
            assert kinds[0] == "response.created"


def test_a_cut_stream_of_messages_counts_the_prompt_and_the_pieces(gateway: Harness) -> None:
    before = counted(gateway, CHAT)
    body = json.dumps(
        {"model": CHAT, "stream": True, "max_tokens": 5, "messages": [{"role": "user", "content": "hold"}]}
    )
    connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=5)
    connection.request("POST", "/v1/messages", body, OWN)
    answer, got = connection.getresponse(), b""
    half = recorded("llama_cpp", "messages.sse")
    half = half[: len(half) // 2]
    whole_events = half[: half.rindex(b"\n\n") + 2]
    while len(got) < len(whole_events):
        got += answer.read1(4096)
    answer.close()
    connection.close()
    start = data_of(whole_events)[0]["message"]["usage"]
    read = start["input_tokens"] + start["cache_read_input_tokens"]
    eventually(lambda: counted(gateway, CHAT) == (before[0] + read, before[1] + whole_events.count(b"_delta\ndata")))
