"""What the stand-in answers, in the form of each protocol. Its text says that no model wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

TEXT = "This answer comes from the stand-in for a frontier provider in the lab; no model wrote it."
TOKENS = tuple(f"{word} " for word in TEXT.split())
BYTES_A_TOKEN = 4
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
LIMITS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True)
class Answer:
    """One answer: a word is a token."""

    path: str
    model: str
    prompt: int
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.words)

    @property
    def whole(self) -> Json:
        """The body of an answer that is not streamed."""
        return _message(self) if self.path == MESSAGES else _completion(self)

    def events(self) -> Iterator[bytes]:
        """The pieces of a stream, one for each word among them."""
        return _message_events(self) if self.path == MESSAGES else _completion_events(self)


def answer(path: str, body: Json) -> Answer:
    """The answer to ``body``, not longer than it asks for."""
    most = min((body[name] for name in LIMITS if isinstance(body.get(name), int)), default=len(TOKENS))
    prompt = len(json.dumps(body.get("messages", []))) // BYTES_A_TOKEN + 1
    return Answer(path, str(body.get("model")), prompt, TOKENS[: max(1, most)])


def error(path: str, status: int) -> Json:
    """What both protocols say of a failure."""
    told = {"type": "api_error", "message": f"the stand-in was told to answer {status}"}
    return {"type": "error", "error": told} if path == MESSAGES else {"error": {**told, "code": None, "param": None}}


def _completion(one: Answer) -> Json:
    message = {"role": "assistant", "content": one.text}
    return {**_head(one, "chat.completion"), "choices": [_choice(one, message=message)], "usage": _usage(one)}


def _completion_events(one: Answer) -> Iterator[bytes]:
    head = _head(one, "chat.completion.chunk")
    yield _data({**head, "choices": [_choice(None, delta={"role": "assistant", "content": ""})]})
    for word in one.words:
        yield _data({**head, "choices": [_choice(None, delta={"content": word})]})
    yield _data({**head, "choices": [_choice(one, delta={})]})
    yield _data({**head, "choices": [], "usage": _usage(one)})
    yield b"data: [DONE]\n\n"


def _head(one: Answer, kind: str) -> Json:
    return {"id": "chatcmpl-stand-in", "object": kind, "created": 0, "model": one.model}


def _choice(ended: Answer | None, **said: Json) -> Json:
    why = None if ended is None else "stop" if len(ended.words) == len(TOKENS) else "length"
    return {"index": 0, **said, "finish_reason": why}


def _usage(one: Answer) -> Json:
    written = len(one.words)
    return {"prompt_tokens": one.prompt, "completion_tokens": written, "total_tokens": one.prompt + written}


def _message(one: Answer) -> Json:
    why = "end_turn" if len(one.words) == len(TOKENS) else "max_tokens"
    content = [{"type": "text", "text": one.text}]
    return {**_begun(one, len(one.words)), "content": content, "stop_reason": why}


def _begun(one: Answer, written: int) -> Json:
    read = {"input_tokens": one.prompt, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    head = {"id": "msg_stand_in", "type": "message", "role": "assistant", "model": one.model, "content": []}
    return {**head, "stop_reason": None, "stop_sequence": None, "usage": {**read, "output_tokens": written}}


def _message_events(one: Answer) -> Iterator[bytes]:
    yield _event({"type": "message_start", "message": _begun(one, 1)})
    yield _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    for word in one.words:
        delta = {"type": "text_delta", "text": word}
        yield _event({"type": "content_block_delta", "index": 0, "delta": delta})
    yield _event({"type": "content_block_stop", "index": 0})
    ended = {"stop_reason": _message(one)["stop_reason"], "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": ended, "usage": {"output_tokens": len(one.words)}})
    yield _event({"type": "message_stop"})


def _data(value: Json) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _event(value: Json) -> bytes:
    return b"event: " + str(value["type"]).encode() + b"\n" + _data(value)
