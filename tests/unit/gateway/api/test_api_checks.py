"""Bodies that must not reach a runtime are refused by the field that is wrong; what only looks odd passes."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.gateway.api.base import ApiLimits
from freehold.gateway.api.catalogue import APIS
from freehold.gateway.api.refused import REFUSED
from freehold.gateway.refusals import RefusalError

ASKED = [{"role": "user", "content": "hi"}]
GOOD: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": ASKED},
    "/v1/completions": {"prompt": "hi"},
    "/v1/responses": {"input": "hi"},
    "/v1/embeddings": {"input": "hi"},
    "/v1/messages": {"messages": ASKED, "max_tokens": 5},
    "/v1/messages/count_tokens": {"messages": ASKED},
}
CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS, MESSAGES, COUNT = GOOD
TALKING = [CHAT, MESSAGES, COUNT]


def check(path: str, **more: Any) -> None:
    APIS[path].check({"model": "m", **GOOD[path], **more}, ApiLimits())


def refused(path: str, **more: Any) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        check(path, **more)
    assert caught.value.status == 400
    return caught.value


@pytest.mark.parametrize("path", GOOD)
def test_all_paths_have_a_protocol_and_a_good_body_passes(path: str) -> None:
    assert set(GOOD) == set(APIS)
    check(path)
    check(path, user="me", metadata={"a": "b"}, some_field_of_next_year=[1], temperature=0, stream=False, top_p=None)


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("field", REFUSED)
def test_escape_hatches_are_refused_by_name_on_every_path(path: str, field: str) -> None:
    refusal = refused(path, **{field: {"x": 1}})
    assert (refusal.param, refusal.reason) == (field, "field_refused")
    assert field in refusal.message
    check(path, **{field: None})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id_slot", 0),
        ("n_probs", 5),
        ("speculative.n_max", 16),
        ("__verbose", True),
        ("lora", [{"id": 0, "scale": 1}]),
        ("kv_transfer_params", {"do_remote_decode": True}),
        ("chat_template_kwargs", {"chat_template": "{{ 1 }}"}),
        ("chat_template_kwargs", {"x": {"y": 1}}),
        ("chat_template_kwargs", "x"),
        ("temperature", "hot"),
        ("temperature", True),
        ("stream", "yes"),
        ("stream", 1),
        ("model", 3),
        ("model", None),
        ("top_k", 1.5),
    ],
)
def test_wrong_and_dangerous_values_are_refused_everywhere(field: str, value: Any) -> None:
    for path in GOOD:
        assert str(refused(path, **{field: value}).param).startswith(field)
        check(path, chat_template_kwargs={"enable_thinking": False, "effort": "low"}, n_probs=None)


LIMITS = {
    CHAT: ("max_tokens", "max_completion_tokens"),
    COMPLETIONS: ("max_tokens",),
    RESPONSES: ("max_output_tokens",),
    MESSAGES: ("max_tokens",),
}


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, fields in LIMITS.items() for field in fields])
@pytest.mark.parametrize("value", [-1, 0, 10**9, 2**70, 1.0, "5", True, [5]])
def test_absurd_limits_are_refused(path: str, field: str, value: Any) -> None:
    assert refused(path, **{field: value}).param == field
    check(path, **{field: 32_000})


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, RESPONSES])
@pytest.mark.parametrize(("field", "value"), [("n", 16_384), ("n", 0), ("n", -1), ("n", "2"), ("best_of", 1000)])
def test_a_crowd_of_choices_is_refused(path: str, field: str, value: Any) -> None:
    assert refused(path, **{field: value}).param == field
    check(path, n=2)


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
@pytest.mark.parametrize("field", ["logprobs", "top_logprobs"])
def test_the_whole_vocabulary_is_not_told(path: str, field: str) -> None:
    assert refused(path, **{field: -1}).param == field


def test_messages_of_anthropics_need_a_limit() -> None:
    assert refused(MESSAGES, max_tokens=None).param == "max_tokens"


@pytest.mark.parametrize("path", TALKING)
@pytest.mark.parametrize(
    ("messages", "param"),
    [
        (None, "messages"),
        ([], "messages"),
        (3, "messages"),
        ("hi", "messages"),
        (["hi"], "messages"),
        ([*ASKED, {"role": "root", "content": "x"}], "messages[1].role"),
        ([{"content": "x"}], "messages[0].role"),
        ([{"role": ["user"], "content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": 3}], "messages[0].content"),
        ([{"role": "user", "content": ["x"]}], "messages[0].content[0]"),
        ([{"role": "user", "content": [{"text": "x"}]}], "messages[0].content[0]"),
    ],
)
def test_what_is_no_conversation_is_refused(path: str, messages: Any, param: str) -> None:
    assert refused(path, messages=messages).param == param


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}, {"role": "tool", "content": "20"}],
        [{"role": "developer", "content": [{"type": "text", "text": "https://example.test/ file:///etc"}]}],
    ],
)
def test_a_conversation_with_tools_passes(messages: Any) -> None:
    check(CHAT, messages=[*ASKED, *messages])


def test_a_conversation_of_anthropics_with_tools_passes() -> None:
    use = {"type": "tool_use", "id": "1", "name": "get", "input": {"url": "http://169.254.169.254/"}}
    result = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "http://x"}]}
    talk = [*ASKED, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    check(MESSAGES, messages=talk, system=[{"type": "text", "text": "Be brief."}], tools=[{"name": "get"}])


@pytest.mark.parametrize("tool", [{"type": "web_search_20250305", "name": "web_search"}, {"type": "bash_20250124"}])
def test_tools_that_a_provider_runs_are_refused(tool: dict[str, Any]) -> None:
    assert refused(MESSAGES, tools=[{"name": "mine", "input_schema": {}}, tool]).param == "tools[1]"
    assert refused(MESSAGES, mcp_servers=[{"url": "https://x"}]).param == "mcp_servers"
    check(MESSAGES, tools=[{"name": "mine", "type": "custom", "input_schema": {}}])


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"tools": [{"type": "mcp", "server_url": "https://x"}]}, "tools[0]"),
        ({"tools": [{"type": "function", "name": "a"}, {"type": "web_search"}]}, "tools[1]"),
        ({"tools": [{"type": "file_search"}]}, "tools[0]"),
        ({"tools": [{"type": "code_interpreter"}]}, "tools[0]"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "input[0].content[0]"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"instructions": 3}, "instructions"),
        ({"text": "json"}, "text"),
    ],
)
def test_responses_keep_nothing_and_run_nothing(more: dict[str, Any], param: str) -> None:
    assert refused(RESPONSES, **more).param == param


def test_a_coding_agents_response_passes() -> None:
    call = {"type": "function_call", "call_id": "1", "name": "shell", "arguments": '{"url": "http://10.0.0.1"}'}
    items = [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "file:///x"}]},
        call,
        {"type": "function_call_output", "call_id": "1", "output": "http://10.0.0.1 says hi"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]},
    ]
    check(RESPONSES, input=items, store=False, include=["reasoning.encrypted_content"], tools=[{"type": "function"}])


@pytest.mark.parametrize("path", [COMPLETIONS, EMBEDDINGS])
@pytest.mark.parametrize("value", [None, "", [], [""], ["a", ""], {}, 3, [1.5], [True], [[]], ["a"] * 3000, [["a"]]])
def test_what_is_no_text_is_refused(path: str, value: Any) -> None:
    field = next(iter(GOOD[path]))
    assert refused(path, **{field: value}).param == field
    for good in ("a", ["a", "b"], [1, 2], [[1, 2], [3]]):
        check(path, **{field: good})


@pytest.mark.parametrize("field", ["messages", "content"])
def test_embeddings_are_made_of_input_only(field: str) -> None:
    assert refused(EMBEDDINGS, **{field: ASKED}).param == field
    assert refused(EMBEDDINGS, encoding_format="float8").param == "encoding_format"
    assert refused(EMBEDDINGS, dimensions=-1).param == "dimensions"
