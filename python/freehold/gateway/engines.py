"""What each engine must be asked for so that tokens can be counted exactly, and where its answers tell them.

A stream that the client cuts never gets to its last chunk, where the usage stands. Both engines can tell a running
count in every chunk; the gateway asks for it, reads it, and takes it out again unless the client wanted it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from freehold.gateway.refusals import malformed

Json = dict[str, Any]


@dataclass(frozen=True)
class Usage:
    """Tokens read (cached ones included) and written."""

    prompt: int = 0
    completion: int = 0


class Engine(Protocol):
    """One engine's dialect."""

    def check(self, body: Json) -> None:
        """Raise a refusal (400) for what this engine could not count."""

    def count_as_it_goes(self, body: Json) -> bool:
        """Ask in ``body`` for a running count; return whether the client had asked for it itself."""

    def running(self, chunk: Json) -> Usage | None:
        """Return the running count in a chunk."""

    def hide(self, chunk: Json) -> None:
        """Take the running count out of a chunk."""


class LlamaCpp:
    """llama.cpp: ``timings`` in each chunk with ``timings_per_token``."""

    def check(self, body: Json) -> None:
        """Refuse several choices at once: llama.cpp reports the usage of the first only (seen in 2026.10)."""
        several_prompts = isinstance(body.get("prompt"), list) and _texts(body["prompt"]) > 1
        for param, wrong in (
            ("n", body.get("n") not in (None, 1)),
            ("best_of", body.get("best_of") not in (None, 1)),
            ("prompt", several_prompts),
        ):
            if wrong:
                text = "The engine of this model counts the tokens of one choice only: ask for one, several times."
                raise malformed(text, reason="uncountable", param=param)

    def count_as_it_goes(self, body: Json) -> bool:
        """Ask for timings with every token."""
        wanted = bool(body.get("timings_per_token"))
        body["timings_per_token"] = True
        return wanted

    def running(self, chunk: Json) -> Usage | None:
        """Read ``timings``: the cached part of the prompt is told apart from the part that was computed."""
        timings = chunk.get("timings")
        if not isinstance(timings, dict):
            return None
        return Usage(
            prompt=int(timings.get("cache_n", 0)) + int(timings.get("prompt_n", 0)),
            completion=int(timings.get("predicted_n", 0)),
        )

    def hide(self, chunk: Json) -> None:
        """Drop ``timings``."""
        chunk.pop("timings", None)


class Vllm:
    """vLLM: ``usage`` in each chunk with ``stream_options.continuous_usage_stats``."""

    def check(self, body: Json) -> None:
        """Let everything pass: vLLM counts all choices."""

    def count_as_it_goes(self, body: Json) -> bool:
        """Ask for continuous usage; ``stream_options`` is there already."""
        options = body["stream_options"]
        wanted = bool(options.get("continuous_usage_stats"))
        options["continuous_usage_stats"] = True
        return wanted

    def running(self, chunk: Json) -> Usage | None:
        """Read ``usage``."""
        return usage_of(chunk)

    def hide(self, chunk: Json) -> None:
        """Drop ``usage``."""
        chunk.pop("usage", None)


def engine(name: str) -> Engine:
    """Return the dialect of the engine called ``name`` in the settings."""
    return LlamaCpp() if name == "llama_cpp" else Vllm()


def usage_of(answer: Json) -> Usage | None:
    """Read the ``usage`` object of a whole answer or of a stream's last chunk."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    return Usage(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))


def _texts(prompt: list[Any]) -> int:
    # A list of numbers is one prompt in tokens.
    return sum(1 for part in prompt if isinstance(part, str | list))
