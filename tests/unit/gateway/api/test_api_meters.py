"""The meter counts from what each engine tells, and hands on what it does not understand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freehold.gateway.engines import Usage, engine, usage_of
from freehold.gateway.refusals import RefusalError
from freehold.gateway.stream import StreamMeter, prepare

LAST = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}


def event(chunk: Any) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def meter(name: str = "llama_cpp", **body: Any) -> StreamMeter:
    return prepare(body, engine(name))


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": content}}], **more}


def test_each_engine_is_asked_in_its_own_words() -> None:
    llama: dict[str, Any] = {}
    vllm: dict[str, Any] = {"stream_options": {"x": 1}}
    prepare(llama, engine("llama_cpp"))
    prepare(vllm, engine("vllm"))
    assert llama == {"timings_per_token": True, "stream_options": {"include_usage": True}}
    assert vllm == {"stream_options": {"x": 1, "include_usage": True, "continuous_usage_stats": True}}


def test_last_usage_wins_over_the_running_count() -> None:
    """After a cut only the running count is there; at an orderly end the engine's own sum is."""
    watched = meter()
    watched.take(event(text("a", timings={"cache_n": 1, "prompt_n": 3, "predicted_n": 1})))
    assert watched.usage == Usage(4, 1)
    assert watched.take(event(LAST)) == b""
    assert watched.usage == Usage(5, 2)


def test_usage_chunk_stays_for_who_asked() -> None:
    assert meter(stream_options={"include_usage": True}).take(event(LAST)) == event(LAST)


def test_running_count_of_vllm_is_taken_out() -> None:
    watched = meter("vllm")
    out = watched.take(event(text("a", usage={"prompt_tokens": 4, "completion_tokens": 1})))
    assert json.loads(out[6:]) == text("a")
    assert watched.usage == Usage(4, 1)


def test_the_last_chunk_of_llama_cpps_completions_keeps_its_own_usage() -> None:
    chunk = {"choices": [{"text": "", "finish_reason": "stop"}], "usage": LAST["usage"], "timings": {"predicted_n": 2}}
    watched = meter()
    assert watched.take(event(chunk)) == event(chunk)
    assert watched.usage == Usage(5, 2)


@pytest.mark.parametrize(
    "odd", [b": ping\n\n", b"data: not json\n\n", b"data: [1]\n\n", b"event: x\n\n", b'data: {"x":1}\n\n']
)
def test_what_is_not_understood_passes_untouched(odd: bytes) -> None:
    assert meter().take(odd) == odd


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": {"content": "a"}},
        {"text": "a"},
        {"delta": {"tool_calls": [{}]}},
        {"delta": {"reasoning_content": "a"}},
    ],
)
def test_first_piece_of_an_answer_is_seen(choice: dict[str, Any]) -> None:
    watched = meter()
    watched.take(event({"choices": [{"delta": {"role": "assistant", "content": None}}]}))
    assert not watched.began
    watched.take(event({"choices": [choice]}))
    assert watched.began
    assert not watched.done
    watched.take(b"data: [DONE]\n\n")
    assert watched.done


def test_stream_options_must_be_an_object() -> None:
    with pytest.raises(RefusalError, match="stream_options"):
        meter(stream_options="yes")


@pytest.mark.parametrize("answer", [{}, {"usage": None}, {"usage": 3}])
def test_an_answer_without_usage(answer: dict[str, Any]) -> None:
    assert usage_of(answer) is None
