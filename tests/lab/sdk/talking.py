"""What the scripts beside this share. They run where the clients are, as programs of their own, and print JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Talk = Callable[[Any, Json], Any]

QUESTION = "What is the capital of France?"
CITY = {"type": "string", "enum": ["Paris", "Rome"]}
ZONE = {"type": "string", "enum": ["UTC", "CET"]}


def schema(**properties: Any) -> Json:
    """An object of exactly these; strict enough that the smallest model cannot miss."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


TOOLS = {"get_weather": schema(city=CITY), "get_time": schema(zone=ZONE)}
RESULTS = {"get_weather": "21 degrees, rain from the west by the evening", "get_time": "17:45"}


def run(client: Any, asked: Json, talks: dict[str, Talk]) -> None:
    """Hold every talk and print what came of each, or which exception the SDK raised."""
    print(json.dumps({name: outcome(talk, client, asked) for name, talk in talks.items()}))


def outcome(talk: Talk, client: Any, asked: Json) -> Any:
    """One talk's result; an exception is a result too, that of the talks about errors."""
    try:
        return talk(client, asked)
    except Exception as error:  # noqa: BLE001  whatever it is, the test says whether it was wanted
        status = getattr(error, "status_code", None)
        return {"raised": type(error).__name__, "status": status, "says": str(error)[:500]}


def asked_of_me() -> Json:
    """The settings on standard input: url, key, chat, embedding, start."""
    asked: Json = json.load(sys.stdin)
    return asked
