"""What an engine does not speak, said in its words. Bodies are changed in place; refusals (400) say what cannot be.

llama.cpp: seen with xllamacpp 2026.10, its reasons read in server-common.cpp and server-chat.cpp. ``tool_choice`` must
be a word (an object counts as "auto"), ``text.format`` of a Responses request is ignored, and so are ``tool_choice:
none`` and ``output_config`` of a Messages request. vLLM: seen with 0.32; it refuses ``max_tokens`` over its context,
which agents written for a cloud model send always, where llama.cpp writes until the context is full.
"""

from __future__ import annotations

from typing import Any

from freehold.gateway.api.base import Json
from freehold.gateway.refusals import RefusalError, malformed

LLAMA_CPP, VLLM = "llama_cpp", "vllm"


def clamp(body: Json, context: int, *names: str) -> None:
    """Bring a wish for more tokens than a context holds down to the context."""
    for name in names:
        value = body.get(name)
        if context and isinstance(value, int) and value > context:
            body[name] = context


def name_tool_openai(body: Json, *, nested: bool) -> None:
    """llama.cpp, chat and Responses: a choice of one function becomes: only that one, and it is required.

    ``nested``: chat has name and all under ``function``, Responses has them flat.
    """
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return
    told = choice.get("function") if nested else choice
    name = told.get("name") if isinstance(told, dict) else None
    if choice.get("type") != "function" or not isinstance(name, str):
        text = "tool_choice must be auto, none, required, or one function by its name: this engine knows no other."
        raise malformed(text, param="tool_choice")
    body["tools"] = _only(body.get("tools"), name, nested=nested)
    body["tool_choice"] = "required"


def name_tool_anthropic(body: Json) -> None:
    """llama.cpp, Messages: ``tool`` becomes ``any`` of that one, ``none`` takes the tools away."""
    choice = body.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind == "tool" and isinstance(choice, dict):
        body["tools"] = _only(body.get("tools"), choice.get("name"), nested=False)
        body["tool_choice"] = {**{name: choice[name] for name in choice if name != "name"}, "type": "any"}
    elif kind == "none":
        body.pop("tools", None)
        body.pop("tool_choice")


def format_of_text(body: Json) -> None:
    """llama.cpp, Responses: ``text.format`` is told as chat's ``response_format``, which the engine does read."""
    text = body.get("text")
    told = text.get("format") if isinstance(text, dict) else None
    if not isinstance(told, dict) or told.get("type") in (None, "text"):
        return
    if told["type"] == "json_object":
        body["response_format"] = {"type": "json_object"}
    elif told["type"] == "json_schema" and isinstance(told.get("schema"), dict):
        schema = {name: told[name] for name in ("name", "schema", "strict") if name in told}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    else:
        raise malformed("text.format must be text, json_object, or json_schema with a schema.", param="text.format")


def no_output_format(body: Json) -> None:
    """llama.cpp, Messages: refuse a format that would be ignored without a word."""
    config = body.get("output_config")
    if isinstance(config, dict) and config.get("format") is not None:
        text = "The engine of this model cannot hold a message to a format: use a tool, or /v1/chat/completions."
        raise malformed(text, param="output_config.format")


def _only(tools: Any, name: Any, *, nested: bool) -> list[Any]:
    listed = tools if isinstance(tools, list) else []
    found = [tool for tool in listed if isinstance(tool, dict) and _name(tool, nested=nested) == name]
    if not found:
        raise _no_such_tool()
    return found


def _name(tool: Json, *, nested: bool) -> Any:
    told = tool.get("function") if nested else tool
    return told.get("name") if isinstance(told, dict) else None


def _no_such_tool() -> RefusalError:
    return malformed("tool_choice names a tool that is not in tools.", param="tool_choice")
