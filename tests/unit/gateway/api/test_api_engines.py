"""What an engine does not speak is said in its words, or refused; what it speaks is left alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from freehold.gateway.api.catalogue import APIS
from freehold.gateway.refusals import RefusalError

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
FLAT = [{"type": "function", "name": "a"}, {"type": "function", "name": "b"}]
NESTED = [{"type": "function", "function": {"name": "a"}}, {"type": "function", "function": {"name": "b"}}]
OWN = [{"name": "a"}, {"name": "b"}]
TOOLS: dict[str, list[Any]] = {CHAT: NESTED, RESPONSES: FLAT, MESSAGES: OWN}
CHOICES: dict[str, dict[str, Any]] = {
    CHAT: {"type": "function", "function": {"name": "b"}},
    RESPONSES: {"type": "function", "name": "b"},
    MESSAGES: {"type": "tool", "name": "b", "disable_parallel_tool_use": True},
}


def prepared(path: str, engine: str, context: int = 0, **body: Any) -> dict[str, Any]:
    body = copy.deepcopy({"model": "m", **body})
    APIS[path].prepare(body, engine, context)
    return body


@pytest.mark.parametrize("path", CHOICES)
def test_llama_cpp_is_told_of_one_tool_by_giving_it_one(path: str) -> None:
    """Seen: it takes an object in tool_choice for "auto"."""
    asked = prepared(path, "llama_cpp", tools=TOOLS[path], tool_choice=CHOICES[path])
    assert asked["tools"] == TOOLS[path][1:]
    required = {"type": "any", "disable_parallel_tool_use": True} if path == MESSAGES else "required"
    assert asked["tool_choice"] == required


@pytest.mark.parametrize("path", CHOICES)
def test_vllm_is_told_as_the_client_told(path: str) -> None:
    asked = prepared(path, "vllm", tools=TOOLS[path], tool_choice=CHOICES[path])
    assert (asked["tools"], asked["tool_choice"]) == (TOOLS[path], CHOICES[path])


@pytest.mark.parametrize("path", CHOICES)
@pytest.mark.parametrize("tools", [None, [], "some"])
def test_a_tool_that_is_not_there_is_refused(path: str, tools: Any) -> None:
    with pytest.raises(RefusalError, match="not in tools"):
        prepared(path, "llama_cpp", tools=tools, tool_choice=CHOICES[path])


@pytest.mark.parametrize("choice", ["auto", "none", "required", None])
def test_a_word_stays_a_word(choice: Any) -> None:
    assert prepared(CHAT, "llama_cpp", tools=NESTED, tool_choice=choice)["tool_choice"] == choice


def test_choices_that_llama_cpp_would_forget_are_refused() -> None:
    with pytest.raises(RefusalError, match="tool_choice"):
        prepared(CHAT, "llama_cpp", tools=NESTED, tool_choice={"type": "allowed_tools", "mode": "auto"})


def test_no_tool_means_none_to_llama_cpp() -> None:
    """Seen: it does not know the word in a message."""
    for path in (MESSAGES, MESSAGES + "/count_tokens"):
        asked = prepared(path, "llama_cpp", tools=OWN, tool_choice={"type": "none"})
        assert "tools" not in asked
        assert "tool_choice" not in asked


def test_a_format_of_text_reaches_llama_cpp_as_chat_has_it() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    told = {"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}, "verbosity": "low"}
    asked = prepared(RESPONSES, "llama_cpp", text=told)
    wanted = {"name": "n", "schema": schema, "strict": True}
    assert asked["response_format"] == {"type": "json_schema", "json_schema": wanted}
    assert "response_format" not in prepared(RESPONSES, "vllm", text=told)
    assert "response_format" not in prepared(RESPONSES, "llama_cpp", text={"format": {"type": "text"}})
    assert "response_format" not in prepared(RESPONSES, "llama_cpp")
    asked = prepared(RESPONSES, "llama_cpp", text={"format": {"type": "json_object"}})
    assert asked["response_format"] == {"type": "json_object"}
    with pytest.raises(RefusalError, match=r"text\.format"):
        prepared(RESPONSES, "llama_cpp", text={"format": {"type": "grammar"}})


def test_a_format_that_llama_cpp_would_forget_is_refused() -> None:
    config = {"format": {"type": "json_schema", "schema": {}}}
    with pytest.raises(RefusalError, match="format"):
        prepared(MESSAGES, "llama_cpp", output_config=config)
    assert prepared(MESSAGES, "vllm", output_config=config)["output_config"] == config
    prepared(MESSAGES, "llama_cpp", output_config={"effort": "low"})


@pytest.mark.parametrize(
    ("path", "field"),
    [(CHAT, "max_tokens"), (CHAT, "max_completion_tokens"), (RESPONSES, "max_output_tokens"), (MESSAGES, "max_tokens")],
)
def test_a_wish_for_more_than_a_context_becomes_the_context(path: str, field: str) -> None:
    """Agents ask for 32,000 tokens whatever the model; vLLM would refuse them all."""
    assert prepared(path, "vllm", 2048, **{field: 32_000})[field] == 2048
    assert prepared(path, "vllm", 2048, **{field: 100})[field] == 100
    assert prepared(path, "vllm", 0, **{field: 32_000})[field] == 32_000
    assert field not in prepared(path, "vllm", 2048)


def test_a_response_is_never_kept() -> None:
    """vLLM's default is to keep."""
    for engine in ("vllm", "llama_cpp"):
        assert prepared(RESPONSES, engine)["store"] is False
