"""Streams of providers: counted by what they say at their end, and freed of what only the gateway asked for.

Unlike the meters of our engines they parse what may hold a count: who writes the JSON is not known here, and an
exception need not be fast.
"""

from __future__ import annotations

from typing import Any

from freehold.gateway.api.meters import EventMeter, json_object
from freehold.gateway.api.sse import DONE, payload
from freehold.gateway.frontier.outgoing import CHAT, COMPLETIONS, MESSAGES, RESPONSES
from freehold.gateway.frontier.reading import counts_of
from freehold.gateway.usage import Usage
from freehold.prices.cost import Counts

Json = dict[str, Any]
ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ProviderMeter(EventMeter):
    """What the three have in common. ``failed``: the provider said in the stream that it could not go on."""

    def __init__(self, path: str, *, media: bool = False) -> None:
        super().__init__()
        self._path, self._media = path, media
        self._told: Counts | None = None
        self.failed = False

    @property
    def counts(self) -> Counts | None:
        """The provider's own count; none before the protocol's end, and where it failed."""
        return self._told if self.done and not self.failed else None

    @property
    def exact(self) -> bool:
        """Whether the provider counted."""
        return self.counts is not None

    @property
    def usage(self) -> Usage:
        """The same in the gateway's form."""
        found = self.counts
        return Usage(found.prompt, found.cached, found.completion) if found else Usage()

    def _fail(self) -> None:
        self.done = self.failed = True


class ChatMeter(ProviderMeter):
    """Chat and completions: the count comes in a chunk without choices, before ``[DONE]``."""

    def __init__(self, path: str, *, wants_usage: bool, media: bool = False) -> None:
        super().__init__(path, media=media)
        self._wants_usage = wants_usage

    def take(self, event: bytes) -> bytes:
        """Look for the count and the end."""
        data = payload(event)
        if data.strip() == DONE:
            self.done = True
        elif b'"usage"' in data or b'"error"' in data:
            return self._take_told(event, json_object(data))
        self.began = self.began or b'"delta"' in data or b'"text"' in data
        return event

    def _take_told(self, event: bytes, told: Json) -> bytes:
        if told.get("error"):
            self._fail()
            return event
        self._told = counts_of(self._path, told, media=self._media) or self._told
        self.began = self.began or bool(told.get("choices"))
        only_ours = told.get("choices") == [] and isinstance(told.get("usage"), dict) and not self._wants_usage
        return b"" if only_ours else event


class ResponsesMeter(ProviderMeter):
    """Responses: the count is part of the response in its last event."""

    def take(self, event: bytes) -> bytes:
        """Look at the event's type."""
        told = json_object(payload(event))
        kind = told.get("type")
        if kind in ENDS:
            response = told.get("response")
            self._told = counts_of(self._path, response, media=self._media) if isinstance(response, dict) else None
            self.done = True
        elif kind == "error" or told.get("error"):
            self._fail()
        elif isinstance(kind, str) and kind.endswith(".delta"):
            self.began = True
        return event


class MessagesMeter(ProviderMeter):
    """Messages: the prompt is told at the beginning, the written tokens (a running sum) in each ``message_delta``."""

    def __init__(self, path: str, *, media: bool = False) -> None:
        super().__init__(path, media=media)
        self._usage: Json = {}
        self._ended = False

    def take(self, event: bytes) -> bytes:
        """Look at the event's type."""
        told = json_object(payload(event))
        kind = told.get("type")
        if kind == "content_block_delta":
            self.began = True
        elif kind == "message_start":
            self._add(told.get("message"))
        elif kind == "message_delta":
            self._ended = self._add(told) or self._ended
        elif kind == "message_stop":
            self._told = counts_of(self._path, {"usage": self._usage}, media=self._media) if self._ended else None
            self.done = True
        elif kind == "error":
            self._fail()
        return event

    def _add(self, told: Any) -> bool:
        usage = told.get("usage") if isinstance(told, dict) else None
        if not isinstance(usage, dict):
            return False
        self._usage |= {name: value for name, value in usage.items() if value is not None}
        return usage.get("output_tokens") is not None


def meter_of(path: str, body: Json, *, media: bool = False) -> ProviderMeter | None:
    """Return the meter of the stream that the client's ``body`` asks for; none where it asks for none."""
    if not body.get("stream"):
        return None
    if path in (CHAT, COMPLETIONS):
        options = body.get("stream_options")
        wants = isinstance(options, dict) and bool(options.get("include_usage"))
        return ChatMeter(path, wants_usage=wants, media=media)
    if path in (RESPONSES, MESSAGES):
        return (ResponsesMeter if path == RESPONSES else MessagesMeter)(path, media=media)
    return None
