"""Streams of the Responses API: counted, and for llama.cpp completed with what its events lack.

llama.cpp (seen in 2026.10) leaves out ``sequence_number``, ``output_index`` and ``content_index``, and nearly all of
the response in its first events; OpenAI's SDK puts a response together by them. Its deltas carry ``timings`` when
asked. vLLM (seen in 0.32) sends complete events and tells the usage at the end only.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

from freehold.gateway.api import usages
from freehold.gateway.api.base import Json
from freehold.gateway.api.meters import TIMINGS, EventMeter, json_object, timings_in
from freehold.gateway.api.sse import payload
from freehold.gateway.usage import Usage

ENDS = (b"event: response.completed", b"event: response.incomplete", b"event: response.failed")
ERRORS = (b"event: error", b'data: {"error":')
NEW_ITEM = b"event: response.output_item.added"
OF_RESPONSE = (b"event: response.created", b"event: response.in_progress")
OF_CONTENT = (b"event: response.output_text", b"event: response.content_part", b"event: response.refusal")
OF_REASONING = (b"event: response.reasoning_text",)
DATA = b"\ndata: {"
STATUS = b'"status":"in_progress"}}'
DELTA = re.compile(rb"event: response\.[a-z_.]+\.delta\n")


class ResponsesMeter(EventMeter):
    """Counts; what vLLM sends passes untouched."""

    def __init__(self, body: Json) -> None:
        super().__init__()
        self._body = body

    def take(self, event: bytes) -> bytes:
        """Look at the event's name."""
        if DELTA.match(event):
            self._pieces += 1
            self.began = True
        elif event.startswith(ENDS):
            self._final = usages.of_responses(json_object(payload(event)).get("response") or {}) or self._final
            self.done = True
        elif event.startswith(ERRORS):
            self.done = True
        return event

    @property
    def usage(self) -> Usage:
        """The engine's count; in a vLLM stream that was cut, pieces and an estimate of the prompt from its bytes."""
        if self._final is None and not self._running:
            size = len(json.dumps(self._body, ensure_ascii=False).encode("utf-8", "replace"))
            return Usage(prompt=size // BYTES_PER_TOKEN, completion=self._pieces)
        return super().usage


BYTES_PER_TOKEN = 4
"""English text in a tokenizer of 50,000 to 150,000 words has 4 to 5 bytes a token; other languages have fewer."""


class LlamaCppResponsesMeter(ResponsesMeter):
    """Counts by ``timings``, takes them out, and numbers the events."""

    def __init__(self, body: Json, *, wants_running: bool, now: Callable[[], float] = time.time) -> None:
        super().__init__(body)
        self._wants_running = wants_running
        self._beginning = b',"created_at":%d,"model":%s,"output":[],"tools":[],"parallel_tool_calls":true}}' % (
            int(now()),
            json.dumps(body["model"]).encode(),
        )
        self._events = 0
        self._items: dict[str, int] = {}  # an item's id, and its place in the output

    def take(self, event: bytes) -> bytes:
        """Count, cut and complete one event."""
        event = super().take(event)
        if not event.startswith(b"event: response."):
            return event
        if event.startswith(NEW_ITEM):
            self._items[_item_of(event)] = len(self._items)
        if not self.done:
            event = self._without_timings(event)
        return self._numbered(event)

    def _without_timings(self, event: bytes) -> bytes:
        start, end = timings_in(event)
        if not end:
            return event
        self._running = event[start + len(TIMINGS) - 1 : end]
        return event if self._wants_running else event[:start] + event[end:]

    def _numbered(self, event: bytes) -> bytes:
        head, data, rest = event.partition(DATA)
        added = b'"sequence_number":%d,' % self._events
        self._events += 1
        if event.startswith(OF_RESPONSE):
            rest = rest.replace(STATUS, STATUS[:-2] + self._beginning, 1)
        elif not self.done:
            added += b'"output_index":%d,' % self._index(event)
            if event.startswith((*OF_CONTENT, *OF_REASONING)):
                added += b'"content_index":0,'
        return head + data + added + rest

    def _index(self, event: bytes) -> int:
        # A delta belongs to the newest item; what is done is told at the end, of each item in turn.
        newest = max(len(self._items) - 1, 0)
        return newest if DELTA.match(event) else self._items.get(_item_of(event), newest)


def _item_of(event: bytes) -> str:
    told = json_object(payload(event))
    item = told.get("item")
    return str(item.get("id") if isinstance(item, dict) else told.get("item_id"))
