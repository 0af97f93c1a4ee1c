"""Records what an engine really answers, as the gateway asks it: `python -m tests.data.gateway.record ENGINE PORT KEY`.

ENGINE is llama_cpp or vllm; it listens on loopback with SmolLM2, started as README.md here says. Rewrites the folder.
"""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path
from typing import Any

from freehold.gateway.api.catalogue import APIS

HERE = Path(__file__).parent
MODEL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "Name a colour, in one word with a heart emoji."}]
CITY = {"type": "string", "enum": ["Paris", "Rome"]}
SCHEMA = {"type": "object", "properties": {"city": CITY}, "required": ["city"], "additionalProperties": False}
# vLLM holds the arguments to the schema only where `strict` says so.
FUNCTION = {"name": "get_weather", "description": "Weather of a city", "parameters": SCHEMA, "strict": True}
START = {"role": "assistant", "content": '{"'}  # what holds so small a model to a tool call; see README.md

CHAT = {"messages": QUESTION, "max_tokens": 8, "temperature": 0}
CHAT_TOOL = {
    "messages": [{"role": "user", "content": "Weather in Rome?"}, START],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": "required",
    "max_tokens": 60,
    "temperature": 0,
}
TOOL = {"name": "get_weather", "description": "Weather of a city", "input_schema": SCHEMA, "strict": True}
MESSAGES_TOOL = {**CHAT_TOOL, "tools": [TOOL], "tool_choice": {"type": "any"}}
RESPONSES = {"input": QUESTION[0]["content"], "max_output_tokens": 8, "temperature": 0}
RESPONSES_TOOL = {
    "input": [{"role": "user", "content": "Weather in Rome?"}, {**START, "type": "message"}],
    "tools": [{"type": "function", **FUNCTION}],
    "tool_choice": "required",
    "max_output_tokens": 60,
    "temperature": 0,
}
TOO_LONG = {"messages": [{"role": "user", "content": "word " * 5000}], "max_tokens": 8}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "chat_tool": ("/v1/chat/completions", CHAT_TOOL),
    "completion": ("/v1/completions", {"prompt": "A colour:", "max_tokens": 8, "temperature": 0}),
    "messages": ("/v1/messages", CHAT),
    "messages_tool": ("/v1/messages", MESSAGES_TOOL),
    "responses": ("/v1/responses", RESPONSES),
    "responses_tool": ("/v1/responses", RESPONSES_TOOL),
}
PLAIN_ONLY: dict[str, tuple[str, dict[str, Any]]] = {
    "count_tokens": ("/v1/messages/count_tokens", {"messages": QUESTION}),
    "chat_too_long": ("/v1/chat/completions", TOO_LONG),
    "messages_too_long": ("/v1/messages", TOO_LONG),
}


def main(engine: str, port: int, key: str) -> None:
    """Ask everything, plain and streamed. Each is asked twice and the second is kept: its prompt is cached by then."""
    folder = HERE / engine
    folder.mkdir(exist_ok=True)
    for name, (path, body) in {**CASES, **PLAIN_ONLY}.items():
        for _ in range(2):
            answer = ask(engine, port, key, path, {"model": MODEL, **body})
        (folder / f"{name}.json").write_bytes(answer + b"\n")
    for name, (path, body) in CASES.items():
        for _ in range(2):
            answer = ask(engine, port, key, path, {"model": MODEL, **body, "stream": True})
        (folder / f"{name}.sse").write_bytes(answer)


def ask(engine: str, port: int, key: str, path: str, body: dict[str, Any]) -> bytes:
    """The engine's own words for a body that was prepared as the gateway does it."""
    body = json.loads(json.dumps(body))
    APIS[path].prepare(body, engine)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(
        "POST", path, json.dumps(body), {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    )
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
