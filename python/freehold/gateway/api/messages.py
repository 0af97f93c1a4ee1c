"""Anthropic's messages and the counting of their tokens."""

from __future__ import annotations

from freehold.gateway.api import checks, engines, usages
from freehold.gateway.api.base import ApiLimits, Json, Meter
from freehold.gateway.api.costs import worst_case
from freehold.gateway.api.forms import ANTHROPIC, MESSAGES, Form
from freehold.gateway.api.images import Pictures
from freehold.gateway.api.meters import MessagesMeter
from freehold.gateway.refusals import malformed
from freehold.gateway.usage import Usage

ROLES = ("user", "assistant", "system")
OWN_TOOL = (None, "custom")


class Messages:
    """``/v1/messages``."""

    path = MESSAGES
    kind = "chat"
    operation = "chat"
    form: Form = ANTHROPIC

    def check(self, body: Json, limits: ApiLimits) -> None:
        """Raise a refusal (400)."""
        _check_conversation(body, limits)
        if body.get("max_tokens") is None:
            raise malformed("max_tokens: Field required.", param="max_tokens")
        checks.tokens(body, "max_tokens")
        if isinstance(body.get("stop_sequences"), str):
            raise malformed("stop_sequences must be a list of strings.", param="stop_sequences")
        checks.texts(body, "stop_sequences")
        checks.mapping(body, "metadata")

    def worst_case(self, body: Json, context: int) -> Usage:
        """Return an upper bound."""
        return worst_case(body, context, "max_tokens")

    def prepare(self, body: Json, engine: str, context: int = 0) -> Meter | None:
        """Say the choice of a tool in the engine's words. There is no running count to ask for."""
        engines.clamp(body, context, "max_tokens")
        if engine == engines.LLAMA_CPP:
            engines.name_tool_anthropic(body)
            engines.no_output_format(body)
        return MessagesMeter() if body.get("stream") else None

    def usage_of(self, answer: Json) -> Usage | None:
        """Read ``usage``."""
        return usages.of_anthropic(answer)


class CountTokens:
    """``/v1/messages/count_tokens``: nothing is generated, nothing is charged."""

    path = MESSAGES + "/count_tokens"
    kind = "chat"
    operation = "count_tokens"
    form: Form = ANTHROPIC

    def check(self, body: Json, limits: ApiLimits) -> None:
        """Raise a refusal (400)."""
        _check_conversation(body, limits)

    def worst_case(self, body: Json, context: int) -> Usage:
        """Return nothing: it costs no tokens."""
        del body, context
        return Usage()

    def prepare(self, body: Json, engine: str, context: int = 0) -> Meter | None:
        """Count the same prompt that :class:`Messages` would send."""
        del context
        body.pop("stream", None)
        if engine == engines.LLAMA_CPP:
            engines.name_tool_anthropic(body)
        return None

    def usage_of(self, answer: Json) -> Usage | None:
        """Return none: nothing was generated."""
        del answer
        return None


def _check_conversation(body: Json, limits: ApiLimits) -> None:
    checks.common(body)
    checks.messages(body, limits, ROLES)
    checks.content(body.get("system"), "system", Pictures(limits))
    checks.mapping(body, "tool_choice")
    checks.mapping(body, "thinking")
    for place, tool in enumerate(checks.objects(body, "tools")):
        where = f"tools[{place}]"
        if tool.get("type") not in OWN_TOOL:
            text = f"{where}: tools that a provider runs or knows by heart are not here; describe your own by a schema."
            raise malformed(text, reason="tool_refused", param=where)
        checks.mapping(tool, "input_schema")
