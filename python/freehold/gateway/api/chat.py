"""OpenAI's chat completions and completions: one form of answers and streams for both."""

from __future__ import annotations

from typing import Any

from freehold.gateway.api import checks, engines, usages
from freehold.gateway.api.base import ApiLimits, Json, Meter
from freehold.gateway.api.costs import worst_case
from freehold.gateway.api.forms import OPENAI, Form
from freehold.gateway.api.meters import LlamaCppMeter, VllmMeter
from freehold.gateway.usage import Usage

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
LIMITS = ("max_tokens", "max_completion_tokens")
MAXIMUM_PROMPTS = 128


class _OpenAI:
    """What both have in common."""

    kind = "chat"
    form: Form = OPENAI

    def usage_of(self, answer: Json) -> Usage | None:
        """Read ``usage``."""
        return usages.of_openai(answer)

    def _meter(self, body: Json, engine: str) -> Meter | None:
        if not body.get("stream"):
            return None
        options = body["stream_options"] = {**checks.mapping(body, "stream_options")}
        wants_usage = bool(options.get("include_usage"))
        options["include_usage"] = True
        if engine == engines.VLLM:
            running = bool(options.get("continuous_usage_stats"))
            options["continuous_usage_stats"] = True
            return VllmMeter(wants_usage=wants_usage, wants_running=running)
        running = bool(body.get("timings_per_token"))
        body["timings_per_token"] = True
        return LlamaCppMeter(wants_usage=wants_usage, wants_running=running)


class ChatCompletions(_OpenAI):
    """``/v1/chat/completions``."""

    path = "/v1/chat/completions"
    operation = "chat"

    def check(self, body: Json, limits: ApiLimits) -> None:
        """Raise a refusal (400)."""
        checks.common(body)
        checks.messages(body, limits, ROLES)
        checks.tokens(body, *LIMITS)
        checks.choices(body)
        checks.boolean(body, "logprobs")
        checks.objects(body, "tools")
        checks.mapping(body, "response_format")
        checks.mapping(body, "stream_options")
        checks.texts(body, "stop")

    def worst_case(self, body: Json, context: int) -> Usage:
        """Return an upper bound."""
        return worst_case(body, context, *LIMITS)

    def prepare(self, body: Json, engine: str, context: int = 0) -> Meter | None:
        """Ask for counts; say a named tool in the engine's words."""
        engines.clamp(body, context, *LIMITS)
        if engine == engines.LLAMA_CPP:
            _one_choice(body)
            engines.name_tool_openai(body, nested=True)
        return self._meter(body, engine)


class Completions(_OpenAI):
    """``/v1/completions``."""

    path = "/v1/completions"
    operation = "text_completion"

    def check(self, body: Json, limits: ApiLimits) -> None:
        """Raise a refusal (400)."""
        del limits
        checks.common(body)
        checks.prompt(body, "prompt", MAXIMUM_PROMPTS)
        checks.tokens(body, "max_tokens")
        checks.choices(body)
        checks.integer(body, "logprobs", 0, checks.MAXIMUM_LOGPROBS)
        checks.mapping(body, "stream_options")
        checks.texts(body, "stop")

    def worst_case(self, body: Json, context: int) -> Usage:
        """Return an upper bound."""
        return worst_case(body, context, "max_tokens", several=_texts(body.get("prompt")))

    def prepare(self, body: Json, engine: str, context: int = 0) -> Meter | None:
        """Ask for counts."""
        engines.clamp(body, context, "max_tokens")
        if engine == engines.LLAMA_CPP:
            _one_choice(body)
            if _texts(body.get("prompt")) > 1:
                raise checks.uncountable("prompt")
        return self._meter(body, engine)


def _one_choice(body: Json) -> None:
    for name in ("n", "best_of"):
        if body.get(name) not in (None, 1):
            raise checks.uncountable(name)


def _texts(prompt: Any) -> int:
    # A list of numbers is one prompt in tokens.
    return max(1, sum(1 for part in prompt if isinstance(part, str | list))) if isinstance(prompt, list) else 1
