"""A short chat request as a client sends it, timed: does somebody answer, and how fast."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from freehold.fleet.endpoint import bracketed

PROMPT = "Name three things that a landlord can do and an owner need not fear."
MAXIMUM_TOKENS = 32
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class ProbeResult:
    """Seconds and tokens of one streamed answer. ``tokens_per_second`` counts from the first token to the last."""

    endpoint: str
    model: str
    answered: bool
    first_token_seconds: float | None
    tokens_per_second: float | None
    prompt_tokens: int
    completion_tokens: int
    text: str
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON types."""
        return asdict(self)


def probe(host: str, port: int, key: str, model: str, clock: Callable[[], float] = time.monotonic) -> ProbeResult:
    """Ask ``model`` through the gateway at ``host:port``. Never raises for a server that misbehaves: it says so."""
    endpoint = f"http://{bracketed(host)}:{port}/v1"
    try:
        return _measure(endpoint, model, _stream(host, port, key, model), clock)
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        return ProbeResult(endpoint, model, False, None, None, 0, 0, "", f"{type(error).__name__}: {error}")  # noqa: FBT003


def _stream(host: str, port: int, key: str, model: str) -> Iterator[dict[str, Any]]:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": MAXIMUM_TOKENS,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise ValueError(f"status {answer.status}: {answer.read(300).decode(errors='replace')}")
        yield from _events(answer)
    finally:
        connection.close()


def _events(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    for raw in answer:
        line = raw.decode().strip()
        if line.startswith("data:") and line != "data: [DONE]":
            yield json.loads(line[5:])


def _measure(endpoint: str, model: str, events: Iterator[dict[str, Any]], clock: Callable[[], float]) -> ProbeResult:
    started, first, last, text = clock(), None, None, ""
    usage: dict[str, int] = {}
    for event in events:
        usage = event.get("usage") or usage
        piece = "".join(choice.get("delta", {}).get("content") or "" for choice in event.get("choices", ()))
        if piece:
            last = clock()
            first = first or last
            text += piece
    tokens = usage.get("completion_tokens", 0)
    span = last - first if first and last else 0.0
    return ProbeResult(
        endpoint=endpoint,
        model=model,
        answered=first is not None,
        first_token_seconds=first - started if first else None,
        tokens_per_second=(tokens - 1) / span if span > 0 and tokens > 1 else None,
        prompt_tokens=usage.get("prompt_tokens", 0),
        completion_tokens=tokens,
        text=text,
        error="" if first else "the stream ended without a token",
    )
