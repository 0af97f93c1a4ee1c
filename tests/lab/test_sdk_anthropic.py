"""The official anthropic SDK, outside, against the gateway: messages, streams, counting, tools and errors.

As with test_sdk_openai.py, the protocol is tested, not the quality of what so small a model says.
"""

import importlib.util
from typing import Any

import pytest
from tests.lab.sdk.holding import ask_of, held, knows_tools
from tests.lab.world import Document, Outside

from freehold.status.gather import Access

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("anthropic") is None, reason="the anthropic SDK is in requirements/dev.txt"
)


@pytest.fixture(scope="module")
def told(outside: Outside, endpoint: str, access: Access, document: Document) -> dict[str, Any]:
    """What came of each talk in sdk/anthropic_talk.py."""
    return held(outside, "anthropic_talk", ask_of(endpoint, access.client_key, document))


def test_the_answer_says_which_model_served_it(told: dict[str, Any], document: Document) -> None:
    (chat,) = (model["name"] for model in document["models"] if model["kind"] == "chat")
    assert told["plain"]["model"] == told["plain"]["header"] == chat
    assert len(told["plain"]["said"].split()) >= 3


def test_a_stream_says_and_counts_the_same(told: dict[str, Any]) -> None:
    assert told["stream"] == {"said": told["plain"]["said"], "usage": told["plain"]["usage"]}


def test_counting_says_what_the_answer_counts(told: dict[str, Any]) -> None:
    assert told["count"]["bare"] == told["plain"]["usage"]["read"] == told["by_bearer"]


def test_a_stop_sequence_stops(told: dict[str, Any]) -> None:
    # llama.cpp and vLLM tell it in words of their own: stop_sequence where it is known which, end_turn where not.
    assert told["system_and_stop"] in {"stop_sequence", "end_turn"}


def test_models_have_anthropics_form(told: dict[str, Any], document: Document) -> None:
    assert sorted(told["models"]["all"]) == sorted(model["name"] for model in document["models"])
    assert told["models"]["one"] in told["models"]["all"]


def test_tools_are_called_by_name_and_by_need(told: dict[str, Any]) -> None:
    knows_tools(told)
    for how in ("plain", "stream"):
        name, arguments = told["tool"][how][0]
        assert name == "get_time" or how == "stream"
        assert set(arguments) == ({"zone"} if name == "get_time" else {"city"})


def test_each_tools_result_reaches_the_next_turn(told: dict[str, Any]) -> None:
    knows_tools(told)
    assert len(told["agent_loop"]) == 3
    for turn in told["agent_loop"]:
        assert turn["with"] - turn["without"] >= 2
    assert [turn["read"] for turn in told["agent_loop"]] == sorted({turn["read"] for turn in told["agent_loop"]})


@pytest.mark.parametrize(
    ("talk", "raised", "status", "says"),
    [
        ("stranger", "AuthenticationError", 401, "authentication_error"),
        ("unknown_model", "NotFoundError", 404, "not_found_error"),
        ("wrong_field", "BadRequestError", 400, "max_tokens"),
        ("their_tool", "BadRequestError", 400, "tools[0]"),
        ("inner_picture", "BadRequestError", 400, "data URLs"),
        ("too_long", "BadRequestError", 400, "context"),
        ("not_served", "NotFoundError", 404, "not_found_error"),
    ],
)
def test_errors_are_the_sdks_own(told: dict[str, Any], talk: str, raised: str, status: int, says: str) -> None:
    assert (told[talk]["raised"], told[talk]["status"]) == (raised, status)
    assert says in told[talk]["says"]
