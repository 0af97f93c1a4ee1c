"""A runtime that answers as the real engines do, and misbehaves when told to."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from tests.unit.gateway.api.recorded import recorded


@dataclass
class MockRuntime:
    """Answers as llama.cpp does (``/vllm`` in the model's name: as vLLM). The last message says how to misbehave.

    ``hold``: two tokens, then nothing until the client goes. ``die``: two tokens, then the connection breaks.
    ``end``: two tokens and an orderly end without the mark. ``status=N``: an error. ``split=N``: N bytes at a time.
    ``flood``: an endless stream.
    """

    seen: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    raw: bytes = b""  # what the last stream was, before the gateway changed it

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read() or b"{}")
        self.seen.append((request.path, dict(request.headers), body))
        words = _command(body)
        if words.startswith("status="):
            return web.json_response(_error(words[7:]), status=int(words[7:10]))
        if request.path == "/v1/embeddings":
            usage = {"prompt_tokens": 4, "total_tokens": 4}
            rows = [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}]
            return web.json_response({"object": "list", "model": body["model"], "data": rows, "usage": usage})
        if request.path.startswith(("/v1/messages", "/v1/responses")):
            return await self._replay(request, body, words)
        try:
            if words == "wait":
                await asyncio.Event().wait()
            if body.get("stream"):
                return await self._stream(request, body, words)
        except (asyncio.CancelledError, ConnectionError):
            self.cancelled.append(words)
            raise
        return web.json_response(_whole(body))

    async def _replay(self, request: web.Request, body: dict[str, Any], words: str) -> web.StreamResponse:
        """What a real engine said once; the engine is the one of the model's name. ``die``: half of the stream."""
        name = "count_tokens" if request.path.endswith("count_tokens") else request.path.rpartition("/")[2]
        engine = "vllm" if "vllm" in body["model"] else "llama_cpp"
        if not body.get("stream"):
            return web.Response(body=recorded(engine, f"{name}.json"), content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        whole = recorded(engine, f"{name}.sse")
        await response.write(whole[: len(whole) // 2] if words in {"die", "hold"} else whole)
        if words == "hold":
            await asyncio.Event().wait()
        return response

    async def _stream(self, request: web.Request, body: dict[str, Any], words: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        events = _events(body)
        if words in {"hold", "die", "end"}:
            await response.write(b"".join(events[:3]))
            if words == "hold":
                await asyncio.Event().wait()
            if words == "die" and request.transport is not None:
                request.transport.abort()
            return response
        while words == "flood":
            await response.write(b"".join(events[:3]) * 1000)
        self.raw = b"".join(events)
        size = int(words[6:]) if words.startswith("split=") else len(self.raw)
        for begin in range(0, len(self.raw), size):
            await response.write(self.raw[begin : begin + size])
            await asyncio.sleep(0)
        return response


def _command(body: dict[str, Any]) -> str:
    messages = body.get("messages")
    return str(messages[-1].get("content")) if messages else str(body.get("prompt", body.get("input", "")))


def _error(words: str) -> dict[str, Any]:
    message = words[4:] or "the runtime's own words"
    return {"error": {"code": int(words[:3]), "message": message, "type": "some_error"}}


def _whole(body: dict[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    message = {"role": "assistant", "content": "one two three"}
    choices = [{"index": 0, "finish_reason": "stop", "message": message, "text": "one two three"}]
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": choices,
        "usage": usage,
    }


def _events(body: dict[str, Any]) -> list[bytes]:
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    options = body.get("stream_options") or {}
    chunks: list[dict[str, Any]] = [
        {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]}
    ]
    for number, text in enumerate(("eins", " zwölf", " 三"), start=1):
        chunk: dict[str, Any] = {**base, "choices": [{"index": 0, "delta": {"content": text}, "text": text}]}
        if body.get("timings_per_token"):
            chunk["timings"] = {"cache_n": 8, "prompt_n": 3, "predicted_n": number}
        if options.get("continuous_usage_stats"):
            chunk["usage"] = {"prompt_tokens": 11, "completion_tokens": number}
        chunks.append(chunk)
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if options.get("include_usage"):
        chunks.append({**base, "choices": [], "usage": usage})
    rows = [json.dumps(chunk, ensure_ascii=False, separators=(",", ":")) for chunk in chunks]
    return [f"data: {row}\n\n".encode() for row in [*rows, "[DONE]"]]
