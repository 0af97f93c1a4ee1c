"""Streams on their way to the client: counted, and freed of what only the gateway had asked for.

Per event there is a search for bytes and a cut, no parsing: what is kept of a running count is its bytes, read when
somebody asks for the usage. The searches are sound on JSON: a quote inside a string is escaped, so ``,"timings":{``
with bare quotes is a key, never something that a model wrote. Shapes: tests/data/gateway, recorded from both engines.
"""

from __future__ import annotations

import json
import re
from typing import Any

from freehold.gateway.api import usages
from freehold.gateway.api.sse import DONE, Splitter, payload
from freehold.gateway.usage import Usage

Json = dict[str, Any]

TIMINGS, USAGE = b',"timings":{', b',"usage":{'
USAGE_OBJECT = re.compile(rb',"usage":(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})')
NO_CHOICES = b'"choices":[]'
ERROR = b'data: {"error":'


class EventMeter:
    """Cuts the stream into events; a protocol's own meter overrides :meth:`take`."""

    def __init__(self) -> None:
        self.began = False
        self.done = False
        self._splitter = Splitter()
        self._final: Usage | None = None
        self._running = b""  # the last running count, as it came
        self._pieces = 0

    def feed(self, data: bytes) -> bytes:
        """Return what the client gets for ``data``."""
        events = self._splitter.feed(data)
        if len(events) == 1:
            return self.take(events[0])
        return b"".join([self.take(event) for event in events])

    def take(self, event: bytes) -> bytes:
        """Return what the client gets for one event: the same bytes, fewer, or none."""
        raise NotImplementedError

    @property
    def usage(self) -> Usage:
        """The engine's own sum; before the end its running count; without one the number of pieces."""
        if self._final is not None:
            return self._final
        return self._read_running(json_object(self._running)) if self._running else Usage(completion=self._pieces)

    @property
    def exact(self) -> bool:
        """Whether an engine counted it."""
        return self._final is not None or bool(self._running)

    def _read_running(self, told: Json) -> Usage:
        return usages.of_timings(told)


class LlamaCppMeter(EventMeter):
    """Chat and completions of llama.cpp: ``timings`` in each chunk with ``timings_per_token``."""

    def __init__(self, *, wants_usage: bool, wants_running: bool) -> None:
        super().__init__()
        self._wants_usage = wants_usage
        self._wants_running = wants_running

    def take(self, event: bytes) -> bytes:
        """Cut ``timings`` out, and the usage chunk."""
        start, end = timings_in(event)
        if not end or USAGE in event:
            return self._take_other(event)
        self._running = event[start + len(TIMINGS) - 1 : end]
        self.began = True
        return event if self._wants_running else event[:start] + event[end:]

    def _take_other(self, event: bytes) -> bytes:
        if USAGE in event:
            return self._take_last(event)
        self.done = self.done or payload(event) == DONE or event.startswith(ERROR)
        return event

    def _take_last(self, event: bytes) -> bytes:
        self._final = usages.of_openai(json_object(payload(event))) or self._final
        if NO_CHOICES in event:
            return event if self._wants_usage else b""
        return event  # the last chunk of /v1/completions carries its own usage beside its choice


class VllmMeter(EventMeter):
    """Chat and completions of vLLM: ``usage`` in each chunk with ``stream_options.continuous_usage_stats``."""

    def __init__(self, *, wants_usage: bool, wants_running: bool) -> None:
        super().__init__()
        self._wants_usage = wants_usage
        self._wants_running = wants_running

    def take(self, event: bytes) -> bytes:
        """Cut ``usage`` out, and the usage chunk."""
        start = event.find(USAGE)
        found = USAGE_OBJECT.match(event, start) if start >= 0 else None
        if found is None:
            self.done = self.done or payload(event) == DONE or event.startswith(ERROR)
            return event
        self._running = found[1]
        if NO_CHOICES in event:
            self._final = self._read_running(json_object(self._running))
            return event if self._wants_usage else b""
        self.began = self.began or b'"completion_tokens":0' not in self._running
        return event if self._wants_running else event[:start] + event[found.end() :]

    def _read_running(self, told: Json) -> Usage:
        return usages.of_openai({"usage": told}) or Usage()


class MessagesMeter(EventMeter):
    """Messages of both engines. Nothing is hidden: there is no running count to ask for.

    The prompt stands in ``message_start``, the written tokens in ``message_delta`` near the end. A stream that is cut
    in between is counted by its pieces: each took the engine one token at least, more where a character has several
    tokens or a tool call's frame is not shown.
    """

    def __init__(self) -> None:
        super().__init__()
        self._start = Usage()

    def take(self, event: bytes) -> bytes:
        """Look at the event's name."""
        if event.startswith(b"event: content_block_delta"):
            self._pieces += 1
            self.began = True
        elif event.startswith(b"event: message_start"):
            self._start = usages.of_anthropic(json_object(payload(event)).get("message") or {}) or self._start
        elif event.startswith(b"event: message_delta"):
            self._take_end(json_object(payload(event)))
        elif event.startswith((b"event: message_stop", b"event: error")):
            self.done = True
        return event

    def _take_end(self, told: Json) -> None:
        end = usages.of_anthropic(told) or Usage()
        # llama.cpp tells the written tokens only, vLLM the prompt again; the larger is the one that was told.
        self._final = Usage(max(self._start.prompt, end.prompt), max(self._start.cached, end.cached), end.completion)

    @property
    def usage(self) -> Usage:
        """The prompt from the beginning, and what is known of the written tokens."""
        if self._final is not None:
            return self._final
        return Usage(self._start.prompt, self._start.cached, self._pieces)


def timings_in(event: bytes) -> tuple[int, int]:
    """Return where ``,"timings":{...}`` begins and ends; it holds numbers only. The end is 0 where there is none."""
    start = event.find(TIMINGS)
    return start, event.find(b"}", start) + 1 if start >= 0 else 0


def json_object(raw: bytes) -> Json:
    """Return an engine's words as an object; empty where they are none."""
    try:
        told = json.loads(raw)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
