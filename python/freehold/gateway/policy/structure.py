"""What a request is made of beside text: things that cannot be read here, cost more, or point to what is not in it.

Every list is of what may leave; the unknown stays. A new field of a protocol is added here when somebody has thought of
what it does to privacy and to the price.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from freehold.gateway.policy.rule import Finding, names

RULES = {
    "image": "An image",
    "file": "A file, sound or film",
    "reference": "Content that is kept elsewhere and only named here, so that nobody can judge or price it",
    "hosted-tool": "A tool that runs at the provider: it sends on what it likes, and is billed apart",
    "price-option": "An option with a price of its own (priority, fast)",
    "unknown-field": "A field that nobody has judged yet",
    "unknown-part": "A part of a message that nobody has judged yet",
    "token-numbers": "A prompt of token numbers, which cannot be read here",
}

FIELDS = names(
    "model messages max_tokens max_completion_tokens max_output_tokens temperature top_p top_k n stop stream "
    "stream_options tools tool_choice parallel_tool_calls response_format seed logprobs top_logprobs logit_bias "
    "presence_penalty frequency_penalty user metadata reasoning_effort verbosity service_tier prompt suffix echo "
    "best_of input instructions text reasoning truncation include store dimensions encoding_format system "
    "stop_sequences thinking output_config functions function_call safety_identifier prompt_cache_key speed "
    "cache_control modalities"
)
TEXT_PARTS = names(
    "text input_text output_text summary_text reasoning_text refusal tool_use tool_result function_call "
    "function_call_output custom_tool_call custom_tool_call_output function custom message reasoning thinking "
    "redacted_thinking"
)
IMAGE_PARTS = names("image image_url input_image")
FILE_PARTS = names(
    "file input_file document input_audio audio video video_url input_video container_upload search_result"
)
PART_LISTS = names("content system input output messages prompt")
FREE = names("parameters input_schema schema metadata arguments")
"""Schemas and data of the caller's own, where a field may be called anything; ``input`` too where it is an object."""
OWN_TOOLS = (None, "function", "custom")
OWN_TOOL_PREFIXES = ("bash_", "text_editor_", "memory_")
REFERENCES = names("previous_response_id conversation file_id vector_store_ids container mcp_servers server_url")
PLAIN_TIERS = (None, "default", "standard_only", "flex")


@dataclass(frozen=True)
class Allowed:
    """What the owner lets leave all the same."""

    images: bool = False
    files: bool = False


def findings(body: Mapping[str, Any], allowed: Allowed) -> Iterator[Finding]:
    """Yield what is not plain text in ``body``, each with its JSON path."""
    yield from (Finding("unknown-field", "$.*", 1) for name in body if name not in FIELDS)
    yield from _options(body)
    yield from _tools(body)
    yield from _walk(body, "$", "", allowed)


def media(body: Mapping[str, Any]) -> int:
    """Count images and files, rather twice than not: :func:`freehold.prices.bound.prompt_at_most` wants to know."""
    return sum(found.rule in {"image", "file"} for found in _walk(body, "$", "", Allowed()))


def _options(body: Mapping[str, Any]) -> Iterator[Finding]:
    if body.get("service_tier") not in PLAIN_TIERS or body.get("speed") not in (None, "standard"):
        yield Finding("price-option", "$.service_tier" if "service_tier" in body else "$.speed", 1)
    if body.get("modalities") not in (None, ["text"]):
        yield Finding("price-option", "$.modalities", 1)
    if body.get("store") not in (None, False):
        yield Finding("reference", "$.store", 1)
    if isinstance(body.get("input"), Mapping):
        yield Finding("unknown-part", "$.input", 1)
    if isinstance(body.get("prompt"), Mapping):
        yield Finding("reference", "$.prompt", 1)
    if _numbers(body.get("prompt")) or ("messages" not in body and _numbers(body.get("input"))):
        yield Finding("token-numbers", "$.prompt" if "prompt" in body else "$.input", 1)


def _numbers(value: Any) -> bool:
    rows = value if isinstance(value, list) else []
    return any(isinstance(row, int | float) or _numbers(row) for row in rows)


def _tools(body: Mapping[str, Any]) -> Iterator[Finding]:
    tools = body.get("tools")
    for number, tool in enumerate(tools if isinstance(tools, list) else ()):
        kind = tool.get("type") if isinstance(tool, Mapping) else "?"
        if kind not in OWN_TOOLS and not str(kind).startswith(OWN_TOOL_PREFIXES):
            yield Finding("hosted-tool", f"$.tools[{number}]", 1)


def _walk(value: Any, path: str, name: str, allowed: Allowed, *, free: bool = False) -> Iterator[Finding]:
    if isinstance(value, Mapping):
        free = free or name in FREE or name == "input"
        yield from () if free else _object(value, path, allowed)
        for key, inner in value.items():
            yield from _walk(inner, f"{path}.{key if key in PART_LISTS else '*'}", key, allowed, free=free)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            place = f"{path}[{number}]"
            if name in PART_LISTS and isinstance(inner, Mapping) and not free:
                yield from _part(inner, place)
            yield from _walk(inner, place, name if isinstance(inner, list) else "", allowed, free=free)
    elif isinstance(value, str) and value[:5].lower() == "data:":
        yield from _data(value, path, allowed)


def _part(part: Mapping[str, Any], path: str) -> Iterator[Finding]:
    kind = part.get("type", "message" if "role" in part else "text" if "text" in part else None)
    if kind == "item_reference":
        yield Finding("reference", path, 1)
    elif not isinstance(kind, str) or kind not in TEXT_PARTS | IMAGE_PARTS | FILE_PARTS:
        yield Finding("unknown-part", path, 1)


def _object(value: Mapping[str, Any], path: str, allowed: Allowed) -> Iterator[Finding]:
    kind = value.get("type")
    images = kind in IMAGE_PARTS if isinstance(kind, str) else False
    files = kind in FILE_PARTS if isinstance(kind, str) else False
    if (images or "image_url" in value) and not allowed.images:
        yield Finding("image", path, 1)
    if (files or value.keys() & {"file_data", "input_audio"}) and not allowed.files:
        yield Finding("file", path, 1)
    if value.keys() & REFERENCES:
        yield Finding("reference", path, 1)


def _data(value: str, path: str, allowed: Allowed) -> Iterator[Finding]:
    image = value[5:11].lower() == "image/"
    if not (allowed.images if image else allowed.files):
        yield Finding("image" if image else "file", path, 1)
