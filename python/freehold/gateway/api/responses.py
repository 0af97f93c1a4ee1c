"""OpenAI's responses, without the state and the tools that OpenAI keeps and runs for its callers."""

from __future__ import annotations

from typing import Any

from freehold.gateway.api import checks, engines, usages
from freehold.gateway.api.base import ApiLimits, Json, Meter
from freehold.gateway.api.costs import worst_case
from freehold.gateway.api.forms import OPENAI_RESPONSES, RESPONSES, Form
from freehold.gateway.api.images import Pictures
from freehold.gateway.api.refused import NETWORK, STATE
from freehold.gateway.api.responses_meter import LlamaCppResponsesMeter, ResponsesMeter
from freehold.gateway.refusals import RefusalError, malformed
from freehold.gateway.usage import Usage

LIMIT = "max_output_tokens"
ITEMS = frozenset({None, "message", "function_call", "function_call_output", "reasoning"})


class Responses:
    """``/v1/responses``."""

    path = RESPONSES
    kind = "chat"
    operation = "chat"
    form: Form = OPENAI_RESPONSES

    def check(self, body: Json, limits: ApiLimits) -> None:
        """Raise a refusal (400)."""
        _refuse_state(body)
        checks.common(body)
        _check_input(body.get("input"), limits)
        checks.tokens(body, LIMIT)
        checks.choices(body)
        if not isinstance(body.get("instructions"), str | None):
            raise malformed("instructions must be a string.", param="instructions")
        for name in ("text", "reasoning", "metadata"):
            checks.mapping(body, name)
        _check_tools(checks.objects(body, "tools"))

    def worst_case(self, body: Json, context: int) -> Usage:
        """Return an upper bound."""
        return worst_case(body, context, LIMIT)

    def prepare(self, body: Json, engine: str, context: int = 0) -> Meter | None:
        """Ask for counts, keep nothing, and say tools and formats in the engine's words."""
        engines.clamp(body, context, LIMIT)
        body["store"] = False
        if engine != engines.LLAMA_CPP:
            return ResponsesMeter(body) if body.get("stream") else None
        engines.name_tool_openai(body, nested=False)
        engines.format_of_text(body)
        if not body.get("stream"):
            return None
        wants = bool(body.get("timings_per_token"))
        body["timings_per_token"] = True
        return LlamaCppResponsesMeter(body, wants_running=wants)

    def usage_of(self, answer: Json) -> Usage | None:
        """Read ``usage``."""
        return usages.of_responses(answer)


def _refuse_state(body: Json) -> None:
    for name in ("store", "background", "prompt"):
        if body.get(name):
            raise _refusal(name, STATE)


def _check_input(told: Any, limits: ApiLimits) -> None:
    if isinstance(told, str) and told:
        return
    if not isinstance(told, list) or not told:
        raise malformed("input must be a text or a list of items, not empty.", param="input")
    pictures = Pictures(limits)
    for place, item in enumerate(told):
        where = f"input[{place}]"
        if not isinstance(item, dict):
            raise malformed(f"{where} must be an object.", param=where)
        if item.get("type") not in ITEMS:
            raise _refusal(where, STATE if item.get("type") == "item_reference" else NETWORK)
        for name in ("content", "output", "summary"):
            checks.content(item.get(name), f"{where}.{name}", pictures)


def _check_tools(tools: list[Json]) -> None:
    for place, tool in enumerate(tools):
        if tool.get("type") != "function":
            raise _refusal(f"tools[{place}]", f"only tools of type function are; {NETWORK}")


def _refusal(name: str, why: str) -> RefusalError:
    return malformed(f"{name} is not taken here: {why}.", reason="field_refused", param=name)
