"""The owner's words and patterns are judged like the built-in rules, and none of them can be dear."""

from typing import Any

import pytest

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.gateway.policy.judge import judge
from freehold.gateway.policy.owner import STANDARD, read


def found(raw: Any, text: str) -> set[str]:
    return {one.rule for one in judge(read(raw)).findings({"messages": [{"role": "user", "content": text}]})}


WORDS = {"own": [{"id": "projects", "words": ["Bluebird", "Zürich Nord", "C++"]}]}


@pytest.mark.parametrize(
    "text",
    [
        "the BLUEBIRD plan",
        "zürich   nord",
        "Zu\u0308rich\nNord",
        "ZURICH NORD",
        "in C++.",
        "blue\u200bbird",
        "\uff42luebird",
    ],
)
def test_words_match_whole_in_any_case_form_and_space(text: str) -> None:
    assert found(WORDS, text) == {"projects"}


@pytest.mark.parametrize("text", ["bluebirds", "Zürichnord", "C+", "xBluebird"])
def test_words_do_not_match_in_others(text: str) -> None:
    assert found(WORDS, text) == set()


def test_a_pattern_matches_anywhere() -> None:
    assert found({"own": [{"id": "tickets", "pattern": "TCK-[0-9]{6}"}]}, "see TCK-123456!") == {"tickets"}


def test_rules_are_taken_out_and_in() -> None:
    assert found({"except": ["email"], "also": ["phone"]}, "a.b@firma.de +1-202-555-0143") == {"phone"}
    assert read({}) == STANDARD


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", r"(?=a)b", r"(?<!a)b", r"(", r"(a{1000}){1000}", r"a*", r"x|", "ä+", "a" * 2_000]
)
def test_a_pattern_that_could_blow_up_or_match_nothing_is_refused(pattern: str) -> None:
    with pytest.raises((FreeholdError, FreeholdErrors)) as raised:
        read({"own": [{"id": "mine", "pattern": pattern}]})
    assert "own[0].pattern" in str(raised.value)


def test_a_pattern_that_is_exponential_elsewhere_is_linear_here() -> None:
    assert found({"own": [{"id": "mine", "pattern": "(a+)+b"}]}, "a" * 100_000 + "c") == set()


def test_all_errors_come_together() -> None:
    raw = {
        "except": ["mails"],
        "also": ["everything"],
        "images": "yes",
        "files": 1,
        "colour": "red",
        "own": [
            {"id": "Email"},
            {"id": "email", "words": ["x"]},
            {"id": "a", "words": [" "]},
            {"id": "a", "pattern": "("},
        ],
    }
    with pytest.raises(FreeholdErrors) as raised:
        read(raw)
    text = str(raised.value)
    for place in (
        "except",
        "also",
        "images",
        "files",
        "colour",
        "own[0].id",
        "own[0].words",
        "own[1].id",
        "own[2].words",
        "own[3].pattern",
    ):
        assert f"policy: {place}" in text, place
    assert "CONFIG_DUPLICATE" in text


@pytest.mark.parametrize("raw", [None, [], "x", {"own": {}}, {"own": [1]}, {"except": "email"}])
def test_settings_of_another_form_are_refused(raw: Any) -> None:
    with pytest.raises((FreeholdError, FreeholdErrors)):
        read(raw)
