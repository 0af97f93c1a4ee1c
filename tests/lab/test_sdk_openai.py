"""The official openai SDK, outside, against the gateway: every protocol of OpenAI's, its streams, tools and errors.

The model is far too small to choose well. Schemas and grammars hold it to valid answers: what is tested is that every
word of the protocol goes both ways, not how good the words are.
"""

from typing import Any

import pytest
from tests.lab.sdk.holding import ask_of, held, knows_tools
from tests.lab.world import Document, Outside

from freehold.status.gather import Access


@pytest.fixture(scope="module")
def told(outside: Outside, endpoint: str, access: Access, document: Document) -> dict[str, Any]:
    """What came of each talk in sdk/openai_talk.py."""
    return held(outside, "openai_talk", ask_of(endpoint, access.client_key, document))


def test_the_answer_says_which_model_served_it(told: dict[str, Any], document: Document) -> None:
    (chat,) = (model["name"] for model in document["models"] if model["kind"] == "chat")
    assert told["plain"]["model"] == told["plain"]["header"] == told["response"]["model"] == chat
    assert len(told["plain"]["said"].split()) >= 3


def test_a_stream_says_and_counts_the_same(told: dict[str, Any]) -> None:
    assert told["stream"]["said"] == told["plain"]["said"]
    (usage,) = told["stream"]["usages"]
    for name in ("prompt_tokens", "completion_tokens"):
        assert usage[name] == told["plain"]["usage"][name]
    assert "timings" not in told["stream"]["extra"]
    assert told["completion"]["stream"] == told["completion"]["plain"] != ""


def test_json_is_held_to_its_schema(told: dict[str, Any]) -> None:
    for name in ("json_mode", "response_json"):
        assert told[name]["capital"] in {"Paris", "Rome"}


def test_embeddings_and_models(told: dict[str, Any], document: Document) -> None:
    assert told["embeddings"]["sizes"] == [384, 384]
    assert told["embeddings"]["read"] > 0
    assert sorted(told["models"]["all"]) == sorted(model["name"] for model in document["models"])


def test_responses_plain_and_put_together_from_their_events(told: dict[str, Any]) -> None:
    assert told["response"]["plain"] == told["response"]["stream"] != ""
    assert told["response"]["kinds"][0] == "response.created"
    assert told["response"]["kinds"][-1] == "response.completed"
    read, written, cached = told["response"]["usage"]
    assert (read, written) == tuple(told["plain"]["usage"][name] for name in ("prompt_tokens", "completion_tokens"))
    assert cached <= read


@pytest.mark.parametrize("talk", ["tool", "response_tool"])
def test_tools_are_called_by_name_and_by_need(told: dict[str, Any], talk: str) -> None:
    knows_tools(told)
    for how in ("plain", "stream"):
        name, arguments = told[talk][how][0]
        assert name == "get_time" or how == "stream"
        assert set(arguments) == ({"zone"} if name == "get_time" else {"city"})


@pytest.mark.parametrize("loop", ["agent_loop", "agent_loop_by_schema"])
def test_each_tools_result_reaches_the_next_turn(told: dict[str, Any], loop: str) -> None:
    if loop == "agent_loop":
        knows_tools(told)
    assert len(told[loop]) == 3
    for turn in told[loop]:
        # Some of the result's words are several tokens, none is less than one.
        assert turn["with"] - turn["without"] >= 2
    assert [turn["read"] for turn in told[loop]] == sorted({turn["read"] for turn in told[loop]})


@pytest.mark.parametrize(
    ("talk", "raised", "status", "says"),
    [
        ("stranger", "AuthenticationError", 401, "not known"),
        ("unknown_model", "NotFoundError", 404, "chat models of this endpoint"),
        ("wrong_field", "BadRequestError", 400, "max_tokens"),
        ("kept_response", "BadRequestError", 400, "previous_response_id"),
        ("inner_picture", "BadRequestError", 400, "data URLs"),
        ("too_long", "BadRequestError", 400, "context"),
    ],
)
def test_errors_are_the_sdks_own(told: dict[str, Any], talk: str, raised: str, status: int, says: str) -> None:
    assert (told[talk]["raised"], told[talk]["status"]) == (raised, status)
    assert says in told[talk]["says"]
