"""A reservation is never smaller than what the request can cost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.gateway.api.recorded import ENGINES, whole

from freehold.gateway.api.base import MAXIMUM_TOKENS
from freehold.gateway.api.catalogue import APIS
from freehold.gateway.usage import Usage

CHAT = "/v1/chat/completions"
ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "héllo"}]}


def test_what_is_written_is_bound_by_the_tightest_limit_and_the_context() -> None:
    worst = APIS[CHAT].worst_case
    assert worst(ASKED, 0).completion == MAXIMUM_TOKENS
    assert worst(ASKED, 4096).completion == 4096
    assert worst({**ASKED, "max_tokens": 100}, 4096).completion == 100
    assert worst({**ASKED, "max_tokens": 10_000}, 4096).completion == 4096
    assert worst({**ASKED, "max_tokens": 100, "max_completion_tokens": 50}, 4096).completion == 50
    assert worst({**ASKED, "max_tokens": 100, "n": 3}, 4096).completion == 300
    assert worst({**ASKED, "max_tokens": 100, "n": 3, "best_of": 5}, 4096).completion == 500


def test_what_is_read_is_bound_by_the_bytes_and_the_context() -> None:
    worst = APIS[CHAT].worst_case
    assert len("héllo".encode()) < worst(ASKED, 4096).prompt < 100
    assert worst(ASKED, 10).prompt == 10
    assert worst({**ASKED, "tools": [{}]}, 4096).prompt > 1024
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    assert worst({**ASKED, "messages": [{"role": "user", "content": [picture]}]}, 4096).prompt == 4096


def test_several_prompts_are_several_answers() -> None:
    body = {"model": "m", "prompt": ["a", "b", "c"], "max_tokens": 10}
    assert APIS["/v1/completions"].worst_case(body, 4096).completion == 30
    assert APIS["/v1/completions"].worst_case({**body, "prompt": [1, 2, 3]}, 4096).completion == 10


def test_nothing_is_written_by_embeddings_and_counting_is_free() -> None:
    assert APIS["/v1/embeddings"].worst_case({"model": "m", "input": "hi"}, 256).completion == 0
    assert APIS["/v1/embeddings"].worst_case({"model": "m", "input": "hi"}, 256).prompt >= 2
    assert APIS["/v1/messages/count_tokens"].worst_case(ASKED, 4096) == Usage()


@pytest.mark.parametrize("engine", ENGINES)
def test_what_real_engines_counted_is_within(engine: str) -> None:
    body = {"model": "smollm2-135m-instruct", "max_tokens": 8, "messages": ASKED["messages"]}
    body["messages"] = [{"role": "user", "content": "Name a colour, in one word with a heart emoji."}]
    counted = APIS[CHAT].usage_of(whole(engine, "chat"))
    bound = APIS[CHAT].worst_case(body, 2048)
    assert counted is not None
    assert counted.prompt <= bound.prompt
    assert counted.completion <= bound.completion
