"""Whatever stands anywhere in a request is judged, however it is written, and no finding tells what it found."""

import json
from typing import Any

import pytest

from freehold.gateway.policy.corpus import gather
from freehold.gateway.policy.fold import folded
from freehold.gateway.policy.judge import ENOUGH, judge
from freehold.gateway.policy.owner import read
from freehold.gateway.policy.rule import Finding

MAIL = "anna.schmidt@firma.de"
CARD = "4111 1111 1111 1111"


def digits(zero: int) -> str:
    """The card in another alphabet's digits."""
    return CARD.translate({ord("0") + n: zero + n for n in range(10)})


def rules(body: dict[str, Any]) -> set[str]:
    return {one.rule for one in judge().findings(body)}


def user(content: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (user(MAIL), "$.messages[0].content"),
        (user([{"type": "text", "text": "hello "}, {"type": "text", "text": MAIL}]), "$.messages[0].content[1].text"),
        ({"messages": [{"role": "user", "content": "x", "name": MAIL}]}, "$.messages[0].name"),
        ({"messages": [{"role": "tool", "tool_call_id": "1", "content": MAIL}]}, "$.messages[0].content"),
        ({"prompt": ["x ", MAIL]}, "$.prompt[1]"),
        ({"input": MAIL}, "$.input"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": MAIL}]}]},
            "$.input[0].content[0].text",
        ),
        ({"input": [{"type": "function_call_output", "call_id": "1", "output": MAIL}]}, "$.input[0].output"),
        ({"instructions": MAIL}, "$.instructions"),
        ({"system": [{"type": "text", "text": MAIL}]}, "$.system[0].text"),
        (user([{"type": "tool_result", "tool_use_id": "1", "content": MAIL}]), "$.messages[0].content[0].content"),
        (
            user([{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": MAIL}]}]),
            "$.messages[0].content[0].content[0].text",
        ),
        (
            user([{"type": "tool_use", "id": "1", "name": "f", "input": {"a": {"b": [MAIL]}}}]),
            "$.messages[0].content[0].input.*.*[0]",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "description": MAIL}}]},
            "$.tools[0].function.description",
        ),
        (
            {"tools": [{"name": "f", "input_schema": {"properties": {MAIL: {}}}}]},
            "$.tools[0].input_schema.properties.*",
        ),
        ({"metadata": {"user_id": MAIL}}, "$.metadata.user_id"),
        ({"metadata": {MAIL: "x"}}, "$.metadata.*"),
        ({"user": MAIL}, "$.user"),
        ({"stop": [MAIL]}, "$.stop[0]"),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {
                                "type": "function",
                                "id": "1",
                                "function": {"name": "f", "arguments": json.dumps({"to": MAIL})},
                            }
                        ],
                    }
                ]
            },
            "$.messages[0].tool_calls[0].function.arguments",
        ),
    ],
)
def test_every_text_is_judged_wherever_it_stands(body: dict[str, Any], where: str) -> None:
    assert judge().findings(body) == (Finding("email", where, 1),)


def test_a_field_that_nobody_knows_is_judged_and_stays() -> None:
    assert rules({"extra": {"deep": [[MAIL]]}}) == {"email", "unknown-field"}


@pytest.mark.parametrize(
    "text",
    [
        digits(0xFF10).replace(" ", "\u3000"),  # full width
        "4111\u200b1111\u200b1111\u200b1111",
        "41\u00ad11 1111 11\ufeff11 1111",
        digits(0x0660),  # Arabic-Indic
        digits(0x1D7CE),  # mathematical bold
        digits(0x245F),  # circled
        "4111\u20131111\u20131111\u20131111",
        "4111\u00a01111\u202f1111\u20091111",
        "4\u03361\u03361\u03361\u0336 1111 1111 1111",
        "4111\x001111\x0111111111",
        "4111 \\u0031111 1111 111\\x31",
    ],
)
def test_other_ways_to_write_a_number_are_the_same_number(text: str) -> None:
    assert "card" in rules(user(text))


def test_escapes_of_json_within_json_are_decoded_however_deep() -> None:
    inner = "anna\\u002eschmidt\\u0040firma.de"
    assert rules(user(inner)) == {"email"}
    assert rules(user(inner.replace("\\", "\\\\\\\\"))) == {"email"}


def test_a_secret_cut_into_parts_is_found_at_the_whole() -> None:
    parts = [{"type": "text", "text": one} for one in ("pay 4111 11", "11 1111 ", "1111 now")]
    assert judge().findings(user(parts)) == (Finding("card", "$.messages[0].content", 1),)


def test_a_secret_of_single_characters_is_found() -> None:
    parts = [{"type": "text", "text": one} for one in MAIL]
    assert rules(user(parts)) == {"email"}


def test_a_secret_cut_between_two_long_parts_or_two_messages_is_found() -> None:
    long = "word " * 2_000
    assert "card" in rules(
        user([{"type": "text", "text": long + "4111 1111"}, {"type": "text", "text": " 1111 1111 " + long}])
    )
    messages = [{"role": "user", "content": "4111 1111"}, {"role": "user", "content": " 1111 1111"}]
    assert "card" in rules({"messages": messages})


def test_a_secret_whole_in_its_part_is_found_even_where_the_part_before_sticks_to_it() -> None:
    parts = [{"type": "text", "text": "abc"}, {"type": "text", "text": "fh-" + "a1B2" * 11}]
    assert "freehold-key" in rules(user(parts))
    assert sum(one.count for one in judge().findings(user(parts)) if one.rule == "freehold-key") == 1


def test_a_field_s_name_and_value_are_judged_together() -> None:
    block = {"type": "tool_use", "id": "1", "name": "login", "input": {"password": "hV7kQz2pLw9x"}}
    assert rules(user([block])) == {"assigned-secret"}


@pytest.mark.parametrize("number", [4111111111111111, 4111111111111111.0])
def test_a_card_as_a_number_is_a_card(number: float) -> None:
    block = {"type": "tool_use", "id": "1", "name": "pay", "input": {"n": number}}
    assert rules(user([block])) == {"card"}


def test_matches_are_counted_to_a_limit() -> None:
    assert judge().findings(user(f"{MAIL} {MAIL}, {MAIL}")) == (Finding("email", "$.messages[0].content", 3),)
    assert judge().findings(user(f"{MAIL} " * 500)) == (Finding("email", "$.messages[0].content", ENOUGH),)


def test_no_finding_holds_any_text_of_the_request() -> None:
    secret = "fh-" + "a1B2" * 11
    body = {secret: {secret: [secret]}, "messages": [{"role": secret, "content": secret, secret: {secret: 1}}]}
    found = judge().findings(body)
    assert found
    assert "a1B2" not in repr(found)


def test_what_takes_too_many_steps_counts_as_found() -> None:
    body = user("4444 " * 1_000)
    assert rules(body) == set()
    assert judge(steps=500).findings(body) == (Finding("unjudged", "$", 1),)


def test_the_steps_grow_with_the_text_and_not_faster() -> None:
    """Ten times the text fits into ten times the steps, for the texts that make validators work most."""
    for hostile in ("4444 ", "4 ", "de89 ", "a@b.io ", "password=aB3$xxxx ", "4111-1111-1111-1112 "):
        needed = [steps_for(hostile * count) for count in (200, 2_000)]
        assert needed[1] <= 11 * max(needed[0], 1), hostile


def steps_for(text: str) -> int:
    """The least steps that suffice, within a tenth."""
    steps = 1
    while any(one.rule == "unjudged" for one in judge(steps=steps).findings(user(text))):
        steps = steps * 11 // 10 + 1
    return steps


def test_surrogates_and_odd_characters_are_judged_like_others() -> None:
    for odd in ("\ud800", "\udfff\ud800", "\U0010ffff", "\ufdd0", "\x7f"):
        assert rules(user(f"{odd} {MAIL} {odd}")) == {"email"}


def test_folding_is_linear_in_accents() -> None:
    marks = "\u0300\u0316" * 20_000
    assert folded("a" + marks + "b") == b"ab"


def test_a_row_of_backslashes_is_read_once() -> None:
    """Read once for each of them, this would take minutes."""
    assert folded("\\" * 200_000) == b"\\" * 200_000


def test_a_row_of_single_digits_is_walked_once() -> None:
    assert rules(user("4 " * 40_000)) == set()


def test_long_base64_of_images_is_not_read_as_text_where_images_may_leave() -> None:
    data = "data:image/png;base64," + "4111111111111111" * 100
    image = {"type": "image_url", "image_url": {"url": data}}
    settings = read({"images": True})
    assert judge(settings).findings(user([image])) == ()
    assert "image" in rules(user([image]))


def test_only_plain_base64_is_passed_over() -> None:
    block = {"type": "tool_use", "id": "1", "name": "f", "input": {"data": f"{MAIL} " + "a" * 2_000}}
    assert rules(user([block])) == {"email"}


def test_an_empty_request_has_nothing_to_find() -> None:
    assert judge().findings({}) == ()
    assert gather({}).text == b""
