"""What the real engines said: tests/data/gateway."""

from __future__ import annotations

import json
from typing import Any

from freehold.paths import PROJECT

FOLDER = PROJECT / "tests" / "data" / "gateway"
ENGINES = ("llama_cpp", "vllm")


def recorded(engine: str, name: str) -> bytes:
    return (FOLDER / engine / name).read_bytes()


def whole(engine: str, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(recorded(engine, f"{name}.json"))
    return answer


def events(engine: str, name: str) -> list[bytes]:
    """A stream's events, each with its blank line."""
    return [event + b"\n\n" for event in recorded(engine, f"{name}.sse").split(b"\n\n") if event.strip()]


def data_of(stream: bytes) -> list[Any]:
    """The objects in a stream, in order."""
    rows = [row[6:] for row in stream.decode().splitlines() if row.startswith("data: {")]
    return [json.loads(row) for row in rows]
