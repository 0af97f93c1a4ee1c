"""What is not plain text, costs extra or is kept elsewhere stays, unless the owner allows images or files."""

from typing import Any

import pytest

from freehold.gateway.policy.structure import Allowed, findings, media

PNG = "data:image/png;base64,AAAA"


NOTHING = Allowed()


def rules(body: dict[str, Any], allowed: Allowed = NOTHING) -> set[str]:
    return {one.rule for one in findings(body, allowed)}


def content(*parts: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts)}]}


IMAGES = [
    content({"type": "image_url", "image_url": {"url": PNG}}),
    content({"type": "image_url", "image_url": {"url": "https://host.lan/x.png"}}),
    content({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}),
    content(
        {
            "type": "tool_result",
            "tool_use_id": "1",
            "content": [{"type": "image", "source": {"type": "url", "url": "x"}}],
        }
    ),
    {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": PNG}]}]},
    {
        "input": [
            {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_image", "image_url": PNG}]}
        ]
    },
    content({"type": "text", "text": PNG}),
    {"metadata": {"picture": PNG}},
]
FILES = [
    content({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}),
    content({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
    content({"type": "document", "source": {"type": "text", "data": "x"}}),
    {"input": [{"role": "user", "content": [{"type": "input_file", "file_data": "data:text/plain;base64,AAAA"}]}]},
]


@pytest.mark.parametrize("body", IMAGES)
def test_images_stay_unless_allowed(body: dict[str, Any]) -> None:
    assert rules(body) == {"image"}
    assert rules(body, Allowed(images=True)) == set()
    assert rules(body, Allowed(files=True)) == {"image"}
    assert media(body) >= 1


@pytest.mark.parametrize("body", FILES)
def test_files_and_sound_stay_unless_allowed(body: dict[str, Any]) -> None:
    assert rules(body) == {"file"}
    assert rules(body, Allowed(files=True)) == set()
    assert media(body) >= 1


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"previous_response_id": "r"}, "reference"),
        ({"conversation": "c"}, "reference"),
        ({"prompt": {"id": "p"}}, "reference"),
        ({"store": True}, "reference"),
        ({"input": [{"type": "item_reference", "id": "i"}]}, "reference"),
        (content({"type": "file", "file": {"file_id": "f"}}), "reference"),
        ({"container": "c"}, "reference"),
        ({"mcp_servers": []}, "reference"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "hosted-tool"),
        ({"tools": [{"type": "mcp", "server_url": "x"}]}, "hosted-tool"),
        ({"tools": [{"type": "code_interpreter"}]}, "hosted-tool"),
        ({"tools": ["x"]}, "hosted-tool"),
        ({"web_search_options": {}}, "unknown-field"),
        ({"prediction": {"content": "x"}}, "unknown-field"),
        ({"service_tier": "priority"}, "price-option"),
        ({"service_tier": "auto"}, "price-option"),
        ({"service_tier": ["default"]}, "price-option"),
        ({"speed": "fast"}, "price-option"),
        ({"speed": {}}, "price-option"),
        ({"modalities": ["text", "audio"]}, "price-option"),
        ({"prompt": [1, 2]}, "token-numbers"),
        ({"prompt": [[1, 2]]}, "token-numbers"),
        ({"input": [[1, 2]]}, "token-numbers"),
        ({"input": {"type": "text"}}, "unknown-part"),
        (content({"type": "hologram"}), "unknown-part"),
        (content({"type": {"a": 1}}), "unknown-part"),
        (content({"b64": "x"}), "unknown-part"),
    ],
)
def test_what_nobody_can_judge_or_price_stays(body: dict[str, Any], rule: str) -> None:
    assert rule in rules(body)


@pytest.mark.parametrize(
    "body",
    [
        {
            "model": "m",
            "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}],
            "max_tokens": 5,
        },
        {"model": "m", "input": ["a", "b"], "dimensions": 3},
        {"model": "m", "input": "a", "instructions": "b", "store": False, "service_tier": "default"},
        {"model": "m", "prompt": ["a", "b"]},
        {
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "f", "parameters": {"properties": {"file_id": {}, "image_url": {}}}},
                }
            ]
        },
        {"tools": [{"name": "f", "input_schema": {"type": "file"}}, {"type": "bash_20250124", "name": "bash"}]},
        content({"type": "tool_use", "id": "1", "name": "f", "input": {"conversation": "c", "type": "image"}}),
        content(
            {"type": "thinking", "thinking": "x", "signature": "s"},
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
        ),
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                }
            ]
        },
        {
            "input": [
                {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "x"},
            ]
        },
    ],
)
def test_plain_requests_of_every_protocol_meet_no_rule(body: dict[str, Any]) -> None:
    assert rules(body) == set()
    assert media(body) == 0
