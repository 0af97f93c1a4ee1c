"""The body that leaves, and the most that it can use. Pure functions of the client's body, which stays as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freehold.errors import FreeholdError
from freehold.gateway.api.checks import mapping
from freehold.gateway.policy import structure
from freehold.prices.bound import prompt_at_most

Json = dict[str, Any]

OPENAI, ANTHROPIC = "openai", "anthropic"
CHAT, COMPLETIONS, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/responses"
EMBEDDINGS, MESSAGES = "/v1/embeddings", "/v1/messages"
SPOKEN = {OPENAI: (CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS), ANTHROPIC: (MESSAGES,)}
"""The paths that a provider of each protocol answers."""

LIMITS = {
    CHAT: ("max_completion_tokens", "max_tokens"),
    COMPLETIONS: ("max_tokens",),
    RESPONSES: ("max_output_tokens",),
    MESSAGES: ("max_tokens",),
    EMBEDDINGS: (),
}
"""The fields that bound what is written; the first is written where the client set none."""

LONGEST_ANSWER = 4096
"""Tokens of an answer to a client that named no limit: what is not bounded could not be reserved for."""

STORED = frozenset({CHAT, RESPONSES})
TIERED = {CHAT: "default", RESPONSES: "default", MESSAGES: "standard_only"}
"""The service tier that the price table holds for; without a word a provider takes what its own console says."""


WHOSE = frozenset({"user", "safety_identifier", "prompt_cache_key", "metadata"})
"""Fields that tell a provider which of the owner's people asks; to it all of them are the owner."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The most that a request can use: tokens of the prompt and of all choices together; ``limit`` of each choice."""

    prompt: int
    completion: int
    limit: int
    media: bool

    @property
    def tokens(self) -> int:
        """Both together."""
        return self.prompt + self.completion


def measured(body: Json, path: str, tokens_each: int | None = None) -> Measure | None:
    """Measure a body that was checked; none where nothing bounds it (an image whose tokens nobody told)."""
    media = structure.media(body)
    try:
        prompt = prompt_at_most(body, media=media, tokens_each=tokens_each)
    except FreeholdError:
        return None
    given = [body[name] for name in LIMITS[path] if isinstance(body.get(name), int)]
    limit = (min(given) if given else LONGEST_ANSWER) if LIMITS[path] else 0
    written = limit * _choices(body) * _texts(body.get("prompt"))
    return Measure(prompt, written + (prompt if body.get("echo") else 0), limit, bool(media))


def outgoing(body: Json, path: str, model: str, measure: Measure) -> Json:
    """Return what is sent: the model's name there, the limit that was reserved for, nothing kept, the plain tier."""
    sent = {name: value for name, value in body.items() if name not in WHOSE} | {"model": model}
    if LIMITS[path]:
        field = next((name for name in LIMITS[path] if body.get(name) is not None), LIMITS[path][0])
        for name in LIMITS[path]:
            sent.pop(name, None)
        sent[field] = measure.limit
    if path in STORED:
        sent["store"] = False
    if path in TIERED:
        sent["service_tier"] = TIERED[path]
    if path in (CHAT, COMPLETIONS) and body.get("stream"):
        sent["stream_options"] = {**mapping(body, "stream_options"), "include_usage": True}
    if path == EMBEDDINGS:
        sent.pop("stream", None)
    return sent


def _choices(body: Json) -> int:
    return max([1, *(value for name in ("n", "best_of") if isinstance(value := body.get(name), int))])


def _texts(prompt: Any) -> int:
    # A list of numbers is one prompt in tokens (and never leaves, for nobody can read it).
    return max(1, sum(isinstance(part, str | list) for part in prompt)) if isinstance(prompt, list) else 1
