"""What real engines said is counted exactly, wherever the client cuts it, and reaches the client in its protocol."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.gateway.api.recorded import ENGINES, data_of, events, recorded, whole

from freehold.gateway.api.base import Meter
from freehold.gateway.api.catalogue import APIS
from freehold.gateway.usage import Usage

PATHS = {
    "chat": "/v1/chat/completions",
    "chat_tool": "/v1/chat/completions",
    "completion": "/v1/completions",
    "messages": "/v1/messages",
    "messages_tool": "/v1/messages",
    "responses": "/v1/responses",
    "responses_tool": "/v1/responses",
}
TELLS_RUNNING = {"chat", "chat_tool", "completion"}


def meter(engine: str, name: str, **more: Any) -> Meter:
    made = APIS[PATHS[name]].prepare({"model": "smollm2-135m-instruct", "stream": True, **more}, engine)
    assert made is not None
    return made


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PATHS)
def test_a_stream_counts_as_its_whole_answer(engine: str, name: str) -> None:
    watched = meter(engine, name)
    watched.feed(recorded(engine, f"{name}.sse"))
    plain = APIS[PATHS[name]].usage_of(whole(engine, name))
    assert plain is not None
    assert (watched.began, watched.done, watched.exact) == (True, True, True)
    # The words of a tool call may differ from run to run; the prompt, asked twice, is in the cache but for one token.
    assert (watched.usage.prompt, watched.usage.cached) == (plain.prompt, plain.cached)
    assert watched.usage.completion > 0
    if not name.endswith("_tool"):
        assert watched.usage == plain


def test_engines_agree_on_what_a_prompt_is() -> None:
    """OpenAI's forms have the cached part inside, Anthropic's has it apart; llama.cpp was asked the same in each."""
    told = {name: APIS[PATHS[name]].usage_of(whole("llama_cpp", name)) for name in ("chat", "messages", "responses")}
    (usage,) = set(told.values())
    assert usage is not None
    assert usage.cached == usage.prompt - 1
    assert whole("llama_cpp", "messages")["usage"]["input_tokens"] == 1
    assert whole("llama_cpp", "count_tokens")["input_tokens"] == usage.prompt


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", sorted(TELLS_RUNNING))
def test_a_cut_after_any_event_is_counted_by_the_engine(engine: str, name: str) -> None:
    """The count of a cut stream is that of the last chunk the engine sent, which is the engine's own."""
    complete = meter(engine, name)
    complete.feed(recorded(engine, f"{name}.sse"))
    before = 0
    for number in range(1, len(events(engine, name))):
        watched = meter(engine, name)
        for event in events(engine, name)[:number]:
            watched.feed(event)
        assert not watched.done
        if watched.began:
            assert watched.exact
            assert watched.usage.prompt == complete.usage.prompt
            assert before <= watched.usage.completion <= complete.usage.completion
            before = watched.usage.completion
    assert before == complete.usage.completion


def test_a_cut_response_of_llama_cpp_is_counted_by_the_engine() -> None:
    watched = meter("llama_cpp", "responses")
    for event in events("llama_cpp", "responses")[:7]:
        watched.feed(event)
    assert watched.exact
    assert watched.usage == Usage(watched.usage.prompt, watched.usage.prompt - 1, 3)


@pytest.mark.parametrize(("engine", "name"), [("vllm", "responses"), ("vllm", "messages"), ("llama_cpp", "messages")])
def test_where_no_engine_tells_a_running_count_a_cut_is_counted_by_pieces_and_says_so(engine: str, name: str) -> None:
    watched, pieces = meter(engine, name, input="Name a colour, in one word with a heart emoji."), 0
    for event in events(engine, name)[:-3]:
        watched.feed(event)
        pieces += b".delta\n" in event or b"event: content_block_delta" in event
        assert not watched.exact
        assert watched.usage.completion == pieces
    assert watched.usage.prompt > 0
    assert pieces > 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PATHS)
def test_the_client_gets_every_word_and_nothing_that_it_did_not_ask_for(engine: str, name: str) -> None:
    stream = recorded(engine, f"{name}.sse")
    out = meter(engine, name).feed(stream)
    assert words(out) == words(stream)
    told = [json.dumps({key: row[key] for key in row if key != "response"}) for row in data_of(out)]
    if name in {"chat", "chat_tool"} or engine == "vllm":
        assert not any('"timings"' in row for row in told)
    if name in TELLS_RUNNING and (engine, name) != ("llama_cpp", "completion"):
        assert not any('"usage": {' in row for row in told)
    assert all('"timings"' not in row for row in told[:-1])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_a_stream_is_the_same_wherever_the_network_splits_it(engine: str, name: str, size: int) -> None:
    stream, split = recorded(engine, f"{name}.sse"), meter(engine, name)
    pieces = [split.feed(stream[begin : begin + size]) for begin in range(0, len(stream), size)]
    at_once = meter(engine, name)
    assert strip_times(b"".join(pieces)) == strip_times(at_once.feed(stream))
    assert split.usage == at_once.usage


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["messages", "messages_tool"])
def test_messages_pass_untouched(engine: str, name: str) -> None:
    stream = recorded(engine, f"{name}.sse")
    assert meter(engine, name).feed(stream) == stream


@pytest.mark.parametrize("name", ["responses", "responses_tool"])
def test_responses_of_llama_cpp_get_the_numbers_that_clients_put_them_together_by(name: str) -> None:
    told = data_of(meter("llama_cpp", name).feed(recorded("llama_cpp", f"{name}.sse")))
    assert [row["sequence_number"] for row in told] == list(range(len(told)))
    assert told[0]["response"]["model"] == "smollm2-135m-instruct"
    assert told[0]["response"]["output"] == []
    output = told[-1]["response"]["output"]
    for row in told:
        if "item" in row:
            assert output[row["output_index"]]["id"] == row["item"]["id"]
        if "item_id" in row:
            assert output[row["output_index"]]["id"] == row["item_id"]
    assert all("content_index" in row for row in told if row["type"].startswith("response.output_text"))
    # vLLM's are complete, and pass as they came.
    stream = recorded("vllm", f"{name}.sse")
    assert meter("vllm", name).feed(stream) == stream


def test_the_model_that_answers_names_itself_as_served() -> None:
    """The gateway asks for the local name whatever the client said, and every engine repeats it."""
    for engine in ENGINES:
        for name in PATHS:
            assert whole(engine, name)["model"] == "smollm2-135m-instruct"


def words(stream: bytes) -> str:
    """All that the model said in a stream, whatever the protocol."""
    return "".join(_said(row) for row in data_of(stream))


def _said(row: dict[str, Any]) -> str:
    if row.get("choices"):
        choice = row["choices"][0]
        delta = choice.get("delta") or choice
        calls = [call.get("function", {}).get("arguments", "") for call in delta.get("tool_calls") or ()]
        return "".join([delta.get("content") or delta.get("text") or "", *calls])
    delta = row.get("delta", "")
    return delta if isinstance(delta, str) else delta.get("text") or delta.get("partial_json") or ""


def strip_times(stream: bytes) -> list[Any]:
    """A llama.cpp response begins with the time at which it began."""
    rows = data_of(stream)
    for row in rows:
        if isinstance(row.get("response"), dict):
            row["response"].pop("created_at", None)
    return rows
