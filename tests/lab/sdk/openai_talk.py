"""The official openai SDK talks to the gateway; test_sdk_openai.py judges what came of it."""

from __future__ import annotations

import json
from typing import Any

import openai
from tests.lab.sdk.talking import QUESTION, RESULTS, TOOLS, Json, asked_of_me, run, schema

USER = {"role": "user", "content": QUESTION}
ASK = {"max_tokens": 24, "temperature": 0}
ONE = {"parallel_tool_calls": False, "temperature": 0}
NESTED = [{"type": "function", "function": {"name": n, "parameters": s, "strict": True}} for n, s in TOOLS.items()]
FLAT = [{"type": "function", "name": n, "parameters": s, "strict": True} for n, s in TOOLS.items()]
ANSWER = schema(capital={"type": "string", "enum": ["Paris", "Rome"]})
STEP = schema(tool={"type": "string", "enum": [*TOOLS]}, argument={"type": "string", "enum": ["Rome", "UTC"]})


def plain(sdk: Any, asked: Json) -> Json:
    raw = sdk.chat.completions.with_raw_response.create(model=asked["chat"], messages=[USER], **ASK)
    answer = raw.parse()
    header = raw.headers["x-freehold-model"]
    said = answer.choices[0].message.content
    return {"said": said, "model": answer.model, "header": header, "usage": answer.usage.model_dump()}


def stream(sdk: Any, asked: Json) -> Json:
    pieces = sdk.chat.completions.create(
        model=asked["chat"], messages=[USER], stream=True, stream_options={"include_usage": True}, **ASK
    )
    chunks = list(pieces)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    usages = [chunk.usage.model_dump() for chunk in chunks if chunk.usage]
    return {
        "said": said,
        "usages": usages,
        "extra": sorted({name for chunk in chunks if chunk.choices for name in chunk.model_extra}),
    }


def completion(sdk: Any, asked: Json) -> Json:
    plain = sdk.completions.create(model=asked["chat"], prompt="One, two, three,", **ASK)
    pieces = sdk.completions.create(model=asked["chat"], prompt="One, two, three,", stream=True, **ASK)
    return {"plain": plain.choices[0].text, "stream": "".join(piece.choices[0].text for piece in pieces)}


def json_mode(sdk: Any, asked: Json) -> Any:
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER, "strict": True}}
    answer = sdk.chat.completions.create(
        model=asked["chat"], messages=[USER], response_format=wanted, max_tokens=60, temperature=0
    )
    return json.loads(answer.choices[0].message.content)


def embeddings(sdk: Any, asked: Json) -> Json:
    answer = sdk.embeddings.create(model=asked["embedding"], input=["a house that is owned", "boiled rice"])
    return {"sizes": [len(one.embedding) for one in answer.data], "read": answer.usage.prompt_tokens}


def models(sdk: Any, asked: Json) -> Json:
    return {"all": [one.id for one in sdk.models.list()], "one": sdk.models.retrieve(asked["chat"]).id}


def response(sdk: Any, asked: Json) -> Json:
    ask = {"model": asked["chat"], "input": QUESTION, "max_output_tokens": 24, "temperature": 0}
    plain = sdk.responses.create(**ask)
    with sdk.responses.stream(**ask) as events:
        kinds = [event.type for event in events]
        whole = events.get_final_response()
    return {
        "plain": plain.output_text, "stream": whole.output_text, "model": plain.model, "kinds": kinds,
        "usage": [plain.usage.input_tokens, plain.usage.output_tokens, plain.usage.input_tokens_details.cached_tokens],
    }  # fmt: skip


def response_json(sdk: Any, asked: Json) -> Any:
    wanted = {"format": {"type": "json_schema", "name": "answer", "schema": ANSWER, "strict": True}}
    return json.loads(
        sdk.responses.create(model=asked["chat"], input=QUESTION, text=wanted, max_output_tokens=60).output_text
    )


def tool(sdk: Any, asked: Json) -> Json:
    """One function by its name, plain; any, streamed."""
    named = {"type": "function", "function": {"name": "get_time"}}
    ask = {"model": asked["chat"], "messages": begun(asked, [USER]), "tools": NESTED, "max_tokens": 120, **ONE}
    plain = sdk.chat.completions.create(tool_choice=named, **ask).choices[0].message.tool_calls
    with sdk.chat.completions.stream(tool_choice="required", **ask) as events:
        streamed = events.get_final_completion().choices[0].message.tool_calls
    return {"plain": calls_of(plain), "stream": calls_of(streamed)}


def response_tool(sdk: Any, asked: Json) -> Json:
    items = begun(asked, [USER])
    ask = {"model": asked["chat"], "tools": FLAT, "max_output_tokens": 120, **ONE}
    named = {"type": "function", "name": "get_time"}
    plain = sdk.responses.create(input=items, tool_choice=named, **ask).output
    with sdk.responses.stream(input=items, tool_choice="required", **ask) as events:
        streamed = events.get_final_response().output
    return {"plain": items_of(plain), "stream": items_of(streamed)}


def agent_loop(sdk: Any, asked: Json) -> list[Json]:
    """Three turns with tools. Each turn's prompt is measured with the result of the last one and without it."""
    talk: list[Json] = [{"role": "user", "content": "Weather in Rome, and what time is it?"}]
    turns = []
    for _ in range(3):
        ask = {"messages": begun(asked, talk), "tools": NESTED, "max_tokens": 120, **ONE}
        answer = sdk.chat.completions.create(model=asked["chat"], tool_choice="required", **ask)
        (call,) = answer.choices[0].message.tool_calls
        made = {"name": call.function.name, "arguments": call.function.arguments}
        calls = [{"id": call.id, "type": "function", "function": made}]
        talk.append({"role": "assistant", "content": "", "tool_calls": calls})
        reply = {"role": "tool", "tool_call_id": call.id, "content": RESULTS[call.function.name]}
        read = [prompt_of(sdk, asked, [*talk, {**reply, "content": text}]) for text in (reply["content"], "")]
        talk.append(reply)
        turns.append({"call": made, "read": answer.usage.prompt_tokens, "with": read[0], "without": read[1]})
    return turns


def agent_loop_by_schema(sdk: Any, asked: Json) -> list[Json]:
    """The same where a model's template knows no tools: the schema is the grammar, the call is what was said."""
    wanted = {"type": "json_schema", "json_schema": {"name": "step", "schema": STEP, "strict": True}}
    talk: list[Json] = [{"role": "user", "content": "Weather in Rome, and what time is it?"}]
    turns = []
    for _ in range(3):
        answer = sdk.chat.completions.create(
            model=asked["chat"], messages=talk, response_format=wanted, max_tokens=80, temperature=0
        )
        step = json.loads(answer.choices[0].message.content)
        talk.append({"role": "assistant", "content": answer.choices[0].message.content})
        reply = {"role": "user", "content": RESULTS[step["tool"]]}
        read = [prompt_of(sdk, asked, [*talk, {**reply, "content": text}]) for text in (reply["content"], "-")]
        talk.append(reply)
        turns.append({"call": step, "read": answer.usage.prompt_tokens, "with": read[0], "without": read[1]})
    return turns


def prompt_of(sdk: Any, asked: Json, talk: list[Json]) -> int:
    """How many tokens the engine reads of a conversation."""
    answer = sdk.chat.completions.create(model=asked["chat"], messages=talk, max_tokens=1, temperature=0)
    return int(answer.usage.prompt_tokens)


def begun(asked: Json, talk: list[Json]) -> list[Json]:
    """The beginning of a tool call that holds a very small model to it; see tests/data/gateway/README.md."""
    start = {"type": "message", "role": "assistant", "content": asked["start"]}
    return [*talk, start] if asked["start"] else talk


def calls_of(calls: Any) -> list[Any]:
    """Names and arguments."""
    return [[call.function.name, json.loads(call.function.arguments)] for call in calls or ()]


def items_of(output: Any) -> list[Any]:
    """Names and arguments, of a response."""
    return [[one.name, json.loads(one.arguments)] for one in output if one.type == "function_call"]


def stranger(sdk: Any, _: Json) -> None:
    sdk.with_options(api_key="fh-wrong").models.list()


def unknown_model(sdk: Any, _: Json) -> None:
    sdk.chat.completions.create(model="gpt-5", messages=[USER])


def wrong_field(sdk: Any, asked: Json) -> None:
    sdk.chat.completions.create(model=asked["chat"], messages=[USER], max_tokens=-1)


def kept_response(sdk: Any, asked: Json) -> None:
    sdk.responses.create(model=asked["chat"], input="x", previous_response_id="resp_1")


def inner_picture(sdk: Any, asked: Json) -> None:
    part = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}}
    sdk.chat.completions.create(model=asked["chat"], messages=[{"role": "user", "content": [part]}])


def too_long(sdk: Any, asked: Json) -> None:
    sdk.chat.completions.create(model=asked["chat"], messages=[{"role": "user", "content": "word " * 60_000}])


if __name__ == "__main__":
    asked = asked_of_me()
    with openai.OpenAI(base_url=asked["url"] + "/v1", api_key=asked["key"], max_retries=0) as sdk:
        talks = (
            plain, stream, completion, json_mode, embeddings, models, response, response_json, tool, response_tool,
            agent_loop, agent_loop_by_schema, stranger, unknown_model, wrong_field, kept_response, inner_picture,
            too_long,
        )  # fmt: skip
        run(sdk, asked, {talk.__name__: talk for talk in talks})
