"""A stream's events on their way to the client: counted, and freed of what only the gateway had asked for."""

from __future__ import annotations

import json
from typing import Any

from freehold.gateway import sse
from freehold.gateway.engines import Engine, Usage, usage_of
from freehold.gateway.refusals import malformed

Json = dict[str, Any]


class StreamMeter:
    """Takes the events of one stream in order."""

    def __init__(self, engine: Engine, *, wants_usage: bool, wants_running: bool) -> None:
        self.usage = Usage()
        self.began = False  # a first piece of the answer has been seen
        self.done = False  # the end mark has been seen
        self._engine = engine
        self._wants_usage = wants_usage
        self._wants_running = wants_running

    def take(self, event: bytes) -> bytes:
        """Return what the client gets for ``event``: the same bytes, fewer, or none."""
        data = sse.payload(event)
        if data == sse.DONE:
            self.done = True
            return event
        chunk = _object(data)
        return event if chunk is None else self._take_chunk(event, chunk)

    def _take_chunk(self, event: bytes, chunk: Json) -> bytes:
        self.began = self.began or any(_carries_text(choice) for choice in chunk.get("choices") or ())
        running = self._engine.running(chunk)
        self.usage = usage_of(chunk) or running or self.usage
        if _is_usage_chunk(chunk):
            return event if self._wants_usage else b""
        if running is None or self._wants_running or _is_last(chunk):
            return event
        self._engine.hide(chunk)
        return sse.encode(json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def prepare(body: Json, engine: Engine) -> StreamMeter:
    """Ask in ``body`` for what the counting needs, and return the meter that takes it out again."""
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise malformed("stream_options must be an object.", param="stream_options")
    wants_usage = bool(options.get("include_usage"))
    body["stream_options"] = {**options, "include_usage": True}
    return StreamMeter(engine, wants_usage=wants_usage, wants_running=engine.count_as_it_goes(body))


def _object(data: bytes) -> Json | None:
    try:
        chunk = json.loads(data)
    except ValueError:
        return None
    return chunk if isinstance(chunk, dict) else None


def _is_usage_chunk(chunk: Json) -> bool:
    return chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict)


def _is_last(chunk: Json) -> bool:
    # The last chunk of /v1/completions carries llama.cpp's own usage beside its choice; its form is left alone.
    return "timings" in chunk and "usage" in chunk


def _carries_text(choice: Json) -> bool:
    delta = choice.get("delta") or choice
    return any(delta.get(part) for part in ("content", "text", "tool_calls", "reasoning_content"))
