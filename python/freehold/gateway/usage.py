"""The tokens of one request, in one meaning whichever engine or provider counted them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. ``prompt`` is everything that was read, ``cached`` of it from the prefix cache, ``completion`` written.

    Engines count differently: Anthropic's form tells the cached part apart from ``input_tokens``, OpenAI's includes it
    in ``prompt_tokens``, llama.cpp's ``timings`` tell both parts. Readers in :mod:`freehold.gateway.api` unify them.
    """

    prompt: int = 0
    cached: int = 0
    completion: int = 0
