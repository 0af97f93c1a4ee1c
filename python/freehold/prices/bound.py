"""How many tokens a request can be at most, from its bytes alone: no provider's tokenizer is asked for.

A token stands for one byte of text or more: tokenizers of language models are byte-pair or unigram models over UTF-8,
whose smallest piece is a single byte. What a provider adds around the text is paid for out of the JSON that is not
text: the least message, ``{"role":"user","content":""}``, is 28 bytes long, and templates add 3 to 10 tokens to it.
Three things break this and are dealt with:

- A tokenizer may normalise first, and one character may become many: the Arabic ligature U+FDFA (3 bytes) becomes 33,
  which is the most there is (Unicode, annex 15, "Maximum expansion factors").
  The request is measured both as it is and in NFKC, and the longer counts.
- A provider may add a prompt of its own, most of all with tools: Anthropic's table says up to 530 tokens for a model
  (docs.anthropic.com, "Tool use pricing and tokens"). ``HIDDEN`` leaves room for four times that.
- An image or a file costs what it shows, not what it weighs: without a number for each there is no bound.

English text has some 4 bytes a token, so a reservation holds about four times the prompt's real price until the answer
comes and settles it. It is a bound, not an estimate.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from typing import Any

from freehold.errors import RefusedError

HIDDEN = 2_048


def prompt_at_most(body: dict[str, Any], *, media: int = 0, tokens_each: int | None = None) -> int:
    """Return tokens that the prompt of ``body`` cannot exceed; it holds ``media`` images of ``tokens_each`` at most.

    Raises ``PRICE_NO_BOUND`` where nobody said what an image costs.
    """
    if media and tokens_each is None:
        raise RefusedError(
            "PRICE_NO_BOUND",
            "the request",
            f"{media} parts that are not text",
            expected="tokens_each_image in the provider's settings",
            why="what an image costs cannot be told from its bytes, so nothing could be reserved for it",
            fix="set the provider's number of tokens for its largest image, or send text only",
        )
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _stretched(text) + HIDDEN + media * (tokens_each or 0)


def _stretched(text: str) -> int:
    if text.isascii():
        return len(text)
    # Character by character: normalising a whole text sorts runs of accents, which a hostile one makes quadratic.
    return sum(count * _longest(character) for character, count in Counter(text).items())


def _longest(character: str) -> int:
    made = unicodedata.normalize("NFKC", character)
    return max(len(made.encode("utf-8", "surrogatepass")), len(character.encode("utf-8", "surrogatepass")))
