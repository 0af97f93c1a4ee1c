"""The official anthropic SDK talks to the gateway; test_sdk_anthropic.py judges what came of it."""

from __future__ import annotations

from typing import Any

import anthropic
from tests.lab.sdk.talking import QUESTION, RESULTS, TOOLS, Json, asked_of_me, run

USER: Any = {"role": "user", "content": QUESTION}
OWN = [{"name": name, "description": name, "input_schema": schema, "strict": True} for name, schema in TOOLS.items()]


def ask_of(asked: Json, **more: Any) -> Json:
    # The SDK's own types leave the temperature to the model since 2.x; engines take it.
    return {"model": asked["chat"], "messages": [USER], "max_tokens": 24, "extra_body": {"temperature": 0}, **more}


def plain(sdk: Any, asked: Json) -> Json:
    raw = sdk.messages.with_raw_response.create(**ask_of(asked))
    answer = raw.parse()
    header = raw.headers["x-freehold-model"]
    return {"said": answer.content[0].text, "model": answer.model, "header": header, "usage": usage_of(answer)}


def stream(sdk: Any, asked: Json) -> Json:
    with sdk.messages.stream(**ask_of(asked)) as events:
        said = "".join(events.text_stream)
        return {"said": said, "usage": usage_of(events.get_final_message())}


def usage_of(message: Any) -> Json:
    """Read in all, and written."""
    usage = message.usage
    return {"read": usage.input_tokens + (usage.cache_read_input_tokens or 0), "written": usage.output_tokens}


def system_and_stop(sdk: Any, asked: Json) -> Any:
    answer = sdk.messages.create(**ask_of(asked, system="Be brief.", stop_sequences=["a", "e"]))
    return answer.stop_reason


def count(sdk: Any, asked: Json) -> Json:
    bare, with_tools = (
        sdk.messages.count_tokens(model=asked["chat"], messages=[USER], **more).input_tokens
        for more in ({}, {"tools": OWN})
    )
    return {"bare": bare, "with_tools": with_tools}


def models(sdk: Any, asked: Json) -> Json:
    return {"all": [one.id for one in sdk.models.list()], "one": sdk.models.retrieve(asked["chat"]).display_name}


def tool(sdk: Any, asked: Json) -> Json:
    """One tool by its name, plain; any, streamed."""
    ask = ask_of(asked, messages=begun(asked, [USER]), tools=OWN, max_tokens=120)
    plain = sdk.messages.create(tool_choice={"type": "tool", "name": "get_time"}, **ask)
    with sdk.messages.stream(tool_choice={"type": "any"}, **ask) as events:
        streamed = events.get_final_message()
    return {"plain": calls_of(plain), "stream": calls_of(streamed)}


def agent_loop(sdk: Any, asked: Json) -> list[Json]:
    """Three turns with tools. Each turn's prompt is measured with the result of the last one and without it."""
    talk: list[Json] = [{"role": "user", "content": "Weather in Rome, and what time is it?"}]
    turns = []
    for _ in range(3):
        ask = ask_of(asked, messages=begun(asked, talk), tools=OWN, max_tokens=120)
        answer = sdk.messages.create(tool_choice={"type": "any"}, **ask)
        (use, *_) = [block for block in answer.content if block.type == "tool_use"]
        made = {"type": "tool_use", "id": use.id, "name": use.name, "input": use.input}
        talk.append({"role": "assistant", "content": [made]})
        read = [prompt_of(sdk, asked, [*talk, result(use.id, text)]) for text in (RESULTS[use.name], "")]
        talk.append(result(use.id, RESULTS[use.name]))
        turns.append({"call": use.name, "read": usage_of(answer)["read"], "with": read[0], "without": read[1]})
    return turns


def result(use_id: str, text: str) -> Json:
    """A tool's result as a message."""
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use_id, "content": text}]}


def prompt_of(sdk: Any, asked: Json, talk: list[Json]) -> int:
    """How many tokens the engine reads of a conversation."""
    return int(sdk.messages.count_tokens(model=asked["chat"], messages=talk, tools=OWN).input_tokens)


def begun(asked: Json, talk: list[Json]) -> list[Json]:
    """The beginning of a tool call that holds a very small model to it; see tests/data/gateway/README.md."""
    return [*talk, {"role": "assistant", "content": asked["start"]}] if asked["start"] else talk


def calls_of(message: Any) -> list[Any]:
    """Names and arguments."""
    return [[block.name, block.input] for block in message.content if block.type == "tool_use"]


def by_bearer(_: Any, asked: Json) -> int:
    with anthropic.Anthropic(base_url=asked["url"], auth_token=asked["key"], max_retries=0) as other:
        return int(other.messages.count_tokens(model=asked["chat"], messages=[USER]).input_tokens)


def stranger(_: Any, asked: Json) -> None:
    with anthropic.Anthropic(base_url=asked["url"], api_key="fh-wrong", max_retries=0) as other:
        other.messages.create(**ask_of(asked))


def unknown_model(sdk: Any, asked: Json) -> None:
    sdk.messages.create(**ask_of(asked, model="claude-opus-4-5"))


def wrong_field(sdk: Any, asked: Json) -> None:
    sdk.messages.create(**ask_of(asked, max_tokens=-1))


def their_tool(sdk: Any, asked: Json) -> None:
    sdk.messages.create(**ask_of(asked, tools=[{"type": "web_search_20250305", "name": "web_search"}]))


def inner_picture(sdk: Any, asked: Json) -> None:
    part = {"type": "image", "source": {"type": "url", "url": "http://169.254.169.254/latest"}}
    sdk.messages.create(**ask_of(asked, messages=[{"role": "user", "content": [part]}]))


def too_long(sdk: Any, asked: Json) -> None:
    sdk.messages.create(**ask_of(asked, messages=[{"role": "user", "content": "word " * 60_000}]))


def not_served(sdk: Any, _: Json) -> None:
    sdk.messages.batches.list()


if __name__ == "__main__":
    asked = asked_of_me()
    with anthropic.Anthropic(base_url=asked["url"], api_key=asked["key"], max_retries=0) as sdk:
        talks = (
            plain, stream, system_and_stop, count, models, tool, agent_loop, by_bearer, stranger, unknown_model,
            wrong_field, their_tool, inner_picture, too_long, not_served,
        )  # fmt: skip
        run(sdk, asked, {talk.__name__: talk for talk in talks})
