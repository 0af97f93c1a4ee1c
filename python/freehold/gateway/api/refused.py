"""Fields that no caller may set, on any path and for any engine: the same request may go to either.

Read from the sources of the engines: llama.cpp's server-schema.cpp and server-common.cpp (late 2026), vLLM 0.32's
protocol.py of chat, completions, responses, messages and pooling. A field that is in neither passes through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freehold.gateway.refusals import malformed

Json = dict[str, Any]

LIMIT = "it would set aside the limits that were judged; use the documented field"
INSIDE = "it reaches into the engine, where other callers' requests are too"
SHOWS = "it shows the engine's inside, or takes out of an answer what the counting needs"
COST = "its cost is not bounded by the tokens that are counted"
CODE = "it hands data to a decoder or a template that runs code"
STATE = "nothing is kept here between requests: send the whole conversation each time"
NETWORK = "it would reach another network: tools run where the caller is"

REFUSED: Mapping[str, str] = {
    # llama.cpp. `n_predict` wins over max_tokens, `n_cmpl` is another `n`, `response_fields` can drop the usage.
    **dict.fromkeys(("n_predict", "n_cmpl"), LIMIT),
    **dict.fromkeys(("id_slot", "slot_id", "lora", "n_cache_reuse", "n_keep", "n_discard"), INSIDE),
    **dict.fromkeys(("n_indent", "backend_sampling", "sse_ping_interval", "message_delimiters"), INSIDE),
    **dict.fromkeys(("n_probs", "post_sampling_probs", "return_tokens", "verbose", "response_fields"), SHOWS),
    **dict.fromkeys(("grammar_lazy", "grammar_triggers", "grammar_type", "preserved_tokens", "chat_format"), INSIDE),
    **dict.fromkeys(("chat_parser", "parse_tool_calls", "generation_prompt"), INSIDE),
    **dict.fromkeys(("reasoning_control", "reasoning_budget_start_tag", "reasoning_budget_end_tags"), INSIDE),
    "reasoning_budget_message": INSIDE,
    # vLLM. `request_id` names another's request, `prompt_embeds` is an unpickled tensor (CVE-2025-62164).
    **dict.fromkeys(("kv_transfer_params", "ec_transfer_params", "vllm_xargs", "request_id", "priority"), INSIDE),
    **dict.fromkeys(("logits_processors", "prompt_embeds", "chat_template", "mm_processor_kwargs"), CODE),
    **dict.fromkeys(("media_io_kwargs", "mm_payload", "return_mm_kwargs", "multi_modal_data"), CODE),
    **dict.fromkeys(("previous_input_messages", "enable_response_messages", "return_prompt_text"), SHOWS),
    "routed_experts_prompt_start": INSIDE,
    **dict.fromkeys(("use_beam_search", "prompt_logprobs", "logprob_token_ids"), COST),
    # The cloud's own state and network.
    **dict.fromkeys(("previous_response_id", "conversation", "container"), STATE),
    **dict.fromkeys(("mcp_servers", "web_search_options"), NETWORK),
}

PREFIXES: Mapping[str, str] = {"speculative.": INSIDE, "__": INSIDE}


def refuse_fields(body: Json) -> None:
    """Raise a refusal (400) that names the field and why it is not taken. ``null`` and ``false`` ask for nothing."""
    for name in body.keys() & REFUSED.keys():
        if _asks(body[name]):
            raise _refusal(name, REFUSED[name])
    for name in body:
        for prefix, why in PREFIXES.items():
            if name.startswith(prefix):
                raise _refusal(name, why)
    _refuse_template_arguments(body.get("chat_template_kwargs"))


def _asks(value: Any) -> bool:
    # 0 does: it is the number of a slot.
    return not (value is None or value is False or value in ([], {}))


def _refuse_template_arguments(arguments: Any) -> None:
    # vLLM merges them over its own (CVE-2025-61620: a template in them ran); templates ask for switches and words.
    if arguments is None:
        return
    if not isinstance(arguments, dict):
        raise malformed("chat_template_kwargs must be an object.", param="chat_template_kwargs")
    for name, value in arguments.items():
        if name in {"chat_template", "tokenize", "messages", "tools"} or isinstance(value, dict | list):
            raise _refusal(f"chat_template_kwargs.{name}", "templates here take switches and words only")


def _refusal(name: str, why: str) -> Exception:
    shown = name[:80]
    return malformed(f"{shown} is not taken here: {why}.", reason="field_refused", param=shown)
