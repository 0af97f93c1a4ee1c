"""A runtime that costs next to nothing: ``python -m tests.bench.gateway.upstream PORT``.

It speaks OpenAI's chat, plain and streaming, in llama.cpp's words. ``max_tokens`` is the number of pieces of a stream
and ``seed`` the milliseconds between two of them: every gateway hands these two on. ``timings`` come when asked for.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httptools
import uvloop

MODEL = "bench-chat"
WORD = " w"
PROMPT_TOKENS = 11


def _response(kind: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n"
    return head % (kind, len(body)) + body


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _usage(tokens: int) -> dict[str, int]:
    return {
        "completion_tokens": tokens,
        "prompt_tokens": PROMPT_TOKENS,
        "total_tokens": tokens + PROMPT_TOKENS,
    }


BASE = {"created": 1795000000, "id": "chatcmpl-JxQ4sD0Yc3vT7aXo", "model": MODEL, "system_fingerprint": "b1"}
WHOLE = _response(
    b"application/json",
    _json(
        {
            "choices": [
                {"finish_reason": "stop", "index": 0, "message": {"role": "assistant", "content": WORD * 32}},
            ],
            **BASE,
            "object": "chat.completion",
            "usage": _usage(32),
        }
    ),
)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
OTHER = _response(b"application/json", _json({"object": "list", "data": [{"id": MODEL, "object": "model"}]}))
END = b"0\r\n\r\n"


def _piece(delta: dict[str, Any], **more: Any) -> bytes:
    finish = more.pop("finish", None)
    chunk = {
        "choices": [{"finish_reason": finish, "index": 0, "delta": delta}],
        **BASE,
        "object": "chat.completion.chunk",
        **more,
    }
    return _event(_json(chunk))


def _event(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _timings(number: int) -> dict[str, Any]:
    return {
        "cache_n": 8,
        "prompt_n": PROMPT_TOKENS - 8,
        "prompt_ms": 21.3,
        "prompt_per_token_ms": 7.1,
        "prompt_per_second": 140.8,
        "predicted_n": number,
        "predicted_ms": 11.2,
        "predicted_per_token_ms": 11.2,
        "predicted_per_second": 89.3,
    }


def _pieces(body: dict[str, Any]) -> list[bytes]:
    count, timed = int(body.get("max_tokens") or 8), bool(body.get("timings_per_token"))
    pieces = [STREAM_HEAD + _piece({"role": "assistant", "content": None})]
    more = [{"timings": _timings(number)} if timed else {} for number in range(1, count + 1)]
    pieces += [_piece({"content": WORD}, **one) for one in more]
    pieces.append(_piece({}, finish="stop"))
    if (body.get("stream_options") or {}).get("include_usage"):
        usage = {"choices": [], **BASE, "object": "chat.completion.chunk", "usage": _usage(count)}
        pieces.append(_event(_json(usage)))
    return [*pieces, _event(b"[DONE]") + END]


class Runtime(asyncio.Protocol):
    """One connection; the pieces of streams are made once for each kind of request."""

    _made: dict[bytes, list[bytes]] = {}  # noqa: RUF012  shared by all connections on purpose

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        if not self._body:
            self._transport.write(OTHER)
            return
        body = json.loads(self._body)
        if not body.get("stream"):
            self._transport.write(WHOLE)
            return
        wanted = _json([body.get(name) for name in ("max_tokens", "timings_per_token", "stream_options")])
        if wanted not in self._made:
            self._made[wanted] = _pieces(body)
        self._next(self._made[wanted], 0, int(body.get("seed") or 0) / 1000)

    def _next(self, pieces: list[bytes], number: int, gap: float) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(pieces[number])
        if number + 1 < len(pieces):
            self._loop.call_later(gap if 0 < number < len(pieces) - 3 else 0, self._next, pieces, number + 1, gap)


async def main(port: int) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Runtime, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
