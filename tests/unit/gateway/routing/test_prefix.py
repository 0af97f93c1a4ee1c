"""The turns of a conversation hash alike, other conversations do not."""

from typing import Any

import pytest

from freehold.gateway.routing import prefix

SYSTEM = {"role": "system", "content": "You are terse."}
FIRST = {"role": "user", "content": "Who owns a freehold?"}
ANSWER = {"role": "assistant", "content": "Its owner."}
SECOND = {"role": "user", "content": [{"type": "text", "text": "And a lease?"}]}


@pytest.mark.parametrize("place", ["messages", "input"])
def test_later_turns_are_of_the_same_conversation(place: str) -> None:
    first = prefix.of("m", {place: [SYSTEM, FIRST]})
    assert first == prefix.of("m", {place: [SYSTEM, FIRST, ANSWER, SECOND]})
    assert first != prefix.of("m", {place: [SYSTEM, SECOND]})
    assert first != prefix.of("other", {place: [SYSTEM, FIRST]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"prompt": "a"}, {"prompt": "b"}),
        ({"input": "a"}, {"input": "b"}),
        ({"system": "a", "messages": [FIRST]}, {"system": "b", "messages": [FIRST]}),
        ({"system": [{"type": "text", "text": "a"}], "messages": [FIRST]}, {"messages": [FIRST]}),
        ({"instructions": "a", "input": "x"}, {"instructions": "b", "input": "x"}),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, {"messages": [FIRST]}),
    ],
)
def test_texts_count_wherever_a_protocol_puts_them(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert prefix.of("m", one)
    assert prefix.of("m", one) != prefix.of("m", other)


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": 7}, {"input": [1, 2]}, {"prompt": None}])
def test_without_a_text_there_is_nothing_to_keep(body: dict[str, Any]) -> None:
    assert prefix.of("m", body) == b""


def test_a_long_text_costs_no_more_than_a_short_one() -> None:
    long = "x" * prefix.CHARACTERS
    assert prefix.of("m", {"prompt": long + "a"}) == prefix.of("m", {"prompt": long + "b"})
