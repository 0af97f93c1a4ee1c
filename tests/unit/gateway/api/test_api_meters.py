"""Meters count from what each engine tells, and hand on what they do not understand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freehold.gateway.api import usages
from freehold.gateway.api.base import Meter
from freehold.gateway.api.catalogue import APIS
from freehold.gateway.refusals import RefusalError
from freehold.gateway.usage import Usage

CHAT = "/v1/chat/completions"
LAST = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}


def event(chunk: Any) -> bytes:
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def meter(engine: str = "llama_cpp", path: str = CHAT, **body: Any) -> Meter:
    made = APIS[path].prepare({"model": "m", "stream": True, **body}, engine)
    assert made is not None
    return made


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": content}}], **more}


def test_each_engine_is_asked_in_its_own_words() -> None:
    llama: dict[str, Any] = {"stream": True}
    vllm: dict[str, Any] = {"stream": True, "stream_options": {"x": 1}}
    APIS[CHAT].prepare(llama, "llama_cpp")
    APIS[CHAT].prepare(vllm, "vllm")
    assert llama == {"stream": True, "timings_per_token": True, "stream_options": {"include_usage": True}}
    assert vllm["stream_options"] == {"x": 1, "include_usage": True, "continuous_usage_stats": True}


@pytest.mark.parametrize("path", APIS)
def test_without_a_stream_nothing_is_asked_for_counting(path: str) -> None:
    body: dict[str, Any] = {"model": "m"}
    assert APIS[path].prepare(body, "llama_cpp") is None
    assert "timings_per_token" not in body
    assert "stream_options" not in body


def test_last_usage_wins_over_the_running_count() -> None:
    """After a cut only the running count is there; at an orderly end the engine's own sum is."""
    watched = meter()
    watched.feed(event(text("a", timings={"cache_n": 1, "prompt_n": 3, "predicted_n": 1})))
    assert (watched.usage, watched.exact) == (Usage(4, 1, 1), True)
    assert watched.feed(event(LAST)) == b""
    assert watched.usage == Usage(5, 0, 2)


def test_usage_chunk_stays_for_who_asked() -> None:
    for engine in ("llama_cpp", "vllm"):
        assert meter(engine, stream_options={"include_usage": True}).feed(event(LAST)) == event(LAST)


def test_running_count_stays_for_who_asked() -> None:
    chunk = event(text("a", timings={"predicted_n": 1}))
    assert meter(timings_per_token=True).feed(chunk) == chunk
    chunk = event(text("a", usage={"prompt_tokens": 1}))
    assert meter("vllm", stream_options={"continuous_usage_stats": True}).feed(chunk) == chunk


def test_running_count_of_vllm_is_taken_out_with_its_details() -> None:
    watched, details = meter("vllm"), {"cached_tokens": 3}
    usage = {"prompt_tokens": 4, "completion_tokens": 1, "prompt_tokens_details": details}
    out = watched.feed(event(text("a", usage=usage, more=1)))
    assert json.loads(out[6:]) == text("a", more=1)
    assert watched.usage == Usage(4, 3, 1)


@pytest.mark.parametrize(
    "said", [',"timings":{"predicted_n":99}', ',"usage":{"prompt_tokens":99}', '"choices":[]', "data: [DONE]", "\n\n"]
)
@pytest.mark.parametrize("engine", ["llama_cpp", "vllm"])
def test_a_model_that_talks_of_counting_is_not_believed(engine: str, said: str) -> None:
    watched = meter(engine)
    chunk = event(text(said))
    assert watched.feed(chunk) == chunk
    assert watched.usage == Usage()
    assert not watched.done


@pytest.mark.parametrize(
    "odd",
    [
        b": ping\n\n",
        b"data: not json\n\n",
        b"data: [1]\n\n",
        b"event: x\n\n",
        b'data: {"x":1}\n\n',
        b"\n\n",
        b"\r\n\r\n",
        b'data: {"x":1,"timings":{\n\n',
        b'data: {"x":1,"usage":{\n\n',
        b"event: message_start\ndata: [\n\n",
    ],
)
@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/responses"])
@pytest.mark.parametrize("engine", ["llama_cpp", "vllm"])
def test_what_is_not_understood_passes_untouched(odd: bytes, path: str, engine: str) -> None:
    assert meter(engine, path, input="x").feed(odd) == odd


def test_first_piece_of_an_answer_is_seen() -> None:
    watched = meter()
    watched.feed(event({"choices": [{"delta": {"role": "assistant", "content": None}}]}))
    assert not watched.began
    watched.feed(event(text("a", timings={"predicted_n": 1})))
    assert (watched.began, watched.done) == (True, False)
    watched.feed(b"data: [DONE]\n\n")
    assert watched.done


def test_vllms_first_chunk_says_nothing_yet() -> None:
    watched = meter("vllm")
    watched.feed(event(text("", usage={"prompt_tokens": 4, "completion_tokens": 0})))
    assert not watched.began
    assert watched.usage == Usage(4, 0, 0)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        (CHAT, b'data: {"error":{"message":"x"}}\n\n'),
        ("/v1/messages", b'event: error\ndata: {"type":"error"}\n\n'),
        ("/v1/responses", b'event: error\ndata: {"type":"error"}\n\n'),
        ("/v1/responses", b'data: {"error":{"message":"x"}}\n\n'),
    ],
)
@pytest.mark.parametrize("engine", ["llama_cpp", "vllm"])
def test_an_engines_own_error_ends_the_stream(path: str, error: bytes, engine: str) -> None:
    """One error is enough: the gateway adds none of its own."""
    watched = meter(engine, path, input="x")
    assert watched.feed(error) == error
    assert watched.done


def test_stream_options_must_be_an_object() -> None:
    with pytest.raises(RefusalError, match="stream_options"):
        meter(stream_options="yes")


@pytest.mark.parametrize("answer", [{}, {"usage": None}, {"usage": 3}])
def test_an_answer_without_usage(answer: dict[str, Any]) -> None:
    assert usages.of_openai(answer) is usages.of_responses(answer) is usages.of_anthropic(answer) is None


def test_anthropics_three_parts_of_a_prompt_are_one_prompt() -> None:
    told = {"input_tokens": 1, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 300, "output_tokens": 4}
    assert usages.of_anthropic({"usage": told}) == Usage(321, 20, 4)
