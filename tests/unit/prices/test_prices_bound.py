"""The bound on a prompt's tokens holds for whatever a tokenizer over bytes can make of it."""

import unicodedata
from typing import Any

import pytest

from freehold.errors import RefusedError
from freehold.prices.bound import HIDDEN, prompt_at_most

TEXTS = [
    "",
    "plain words",
    "naïve café",
    "日本語の文",
    "\ufdfa" * 20,
    "\u0344\u1e9b\u0323",
    "\ud800",
    "\x00\x1f",
    "🏳️‍🌈",
]


def chat(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_token_of_every_byte_still_fits_however_the_tokenizer_normalises(text: str, form: Any) -> None:
    # NFKD is no tokenizer's choice, and the composed forms are what the bound is for.
    made = unicodedata.normalize(form, text) if form != "NFKD" else text
    bytes_ = len(made.encode("utf-8", "surrogatepass"))
    assert prompt_at_most(chat(text)) >= bytes_ + HIDDEN


def test_the_template_of_many_empty_messages_fits() -> None:
    body = {"messages": [{"role": "user", "content": ""}] * 100}
    assert prompt_at_most(body) >= HIDDEN + 100 * 28


def test_prompts_of_token_numbers_fit() -> None:
    assert prompt_at_most({"input": [0] * 1000}) >= 1000


def test_english_is_bound_by_its_bytes_and_no_more() -> None:
    assert prompt_at_most(chat("a" * 100_000)) <= 100_000 + HIDDEN + 100


def test_an_image_has_the_bound_that_the_owner_gives_it_or_none() -> None:
    assert prompt_at_most(chat("x"), media=2, tokens_each=5_000) == prompt_at_most(chat("x")) + 10_000
    with pytest.raises(RefusedError, match="PRICE_NO_BOUND"):
        prompt_at_most(chat("x"), media=1)
