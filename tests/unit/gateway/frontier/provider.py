"""A provider of both protocols on 127.0.0.1, by TLS, which counts what it receives and misbehaves when told to."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Json = dict[str, Any]
CHAT_USAGE: Json = {
    "prompt_tokens": 11,
    "completion_tokens": 3,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 4},
}
RESPONSES_USAGE = {"input_tokens": 11, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 4}}
MESSAGES_USAGE = {
    "input_tokens": 5,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 2,
    "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 1},
    "output_tokens": 3,
}


@dataclass
class Provider:
    """The last message says how to misbehave.

    ``die``: a piece of a stream, then the connection breaks; without a stream, no answer. ``hold``: a piece, then
    nothing until the test lets go. ``uncounted``: an answer without usage. ``status=N``: an error.
    ``mute``: it reads, and never answers.
    """

    port: int = 0
    connections: int = 0
    seen: list[tuple[str, dict[str, str], Json]] = field(default_factory=list)
    on_contact: Callable[[], Any] = lambda: None
    at_contact: list[Any] = field(default_factory=list)
    at_request: list[Any] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)
    ill: str = ""  # overrides what the messages say
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/v1"


class Server(ThreadingHTTPServer):
    """TLS is spoken in each connection's own thread, so that one that fails does not stop the others."""

    daemon_threads = True
    provider: Provider
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.provider.connections += 1
        self.provider.at_contact.append(self.provider.on_contact())
        try:
            with self.context.wrap_socket(request, server_side=True) as secure:
                Handler(secure, client_address, self)
        except (OSError, ValueError):
            return

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address


class Handler(BaseHTTPRequestHandler):
    """Answers as the two makers do, as far as the gateway looks."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name in the base class
        del format, args

    def do_POST(self) -> None:
        assert isinstance(self.server, Server)
        provider = self.server.provider
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        provider.at_request.append(provider.on_contact())
        provider.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        words = provider.ill or command(body)
        if words == "mute":
            provider.let_go.wait(10)
            self._break()
        elif words.startswith("status="):
            self._whole({"error": {"type": "some_error", "message": words[11:] or "words"}}, int(words[7:10]))
        elif body.get("stream"):
            self._stream(body, words)
        elif words == "die":
            self._break()
        elif words == "garbage":
            self._whole({}, raw=b"no JSON at all")
        else:
            self._whole(whole(self.path, body, words))

    def _whole(self, said: Json, status: int = 200, raw: bytes = b"") -> None:
        assert isinstance(self.server, Server)
        data = raw or json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in self.server.provider.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, body: Json, words: str) -> None:
        assert isinstance(self.server, Server)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        if words == "headless":
            self._break()
            return
        for number, event in enumerate(events(self.path, body, words)):
            if words in {"die", "hold"} and number == 2:
                if words == "hold":
                    self.server.provider.let_go.wait(10)
                self._break()
                return
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def _break(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def command(body: Json) -> str:
    messages = body.get("messages")
    return str(messages[-1].get("content")) if messages else str(body.get("prompt", body.get("input", "")))


def whole(path: str, body: Json, words: str) -> Json:
    usage: Json = {} if words == "uncounted" else {"usage": usage_of(path)}
    text = "from afar"
    if path == "/v1/messages":
        content = [{"type": "text", "text": text}]
        return {"id": "m", "type": "message", "role": "assistant", "model": body["model"], "content": content} | usage
    if path == "/v1/responses":
        part = {"type": "output_text", "text": text, "annotations": []}
        output = [{"type": "message", "id": "i", "role": "assistant", "status": "completed", "content": [part]}]
        return {"id": "r", "object": "response", "model": body["model"], "output": output} | usage
    choice = {"index": 0, "finish_reason": "stop", "text": text, "message": {"role": "assistant", "content": text}}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice]} | usage


def usage_of(path: str) -> Json:
    if path == "/v1/messages":
        return dict(MESSAGES_USAGE)
    return dict(RESPONSES_USAGE if path == "/v1/responses" else CHAT_USAGE)


def events(path: str, body: Json, words: str) -> Iterator[bytes]:
    """With spaces in the JSON, as some providers write it."""
    if path == "/v1/messages":
        yield from _of_messages(body)
    elif path == "/v1/responses":
        yield from _of_responses(body)
    else:
        yield from _of_chat(body, words)


def _of_chat(body: Json, words: str) -> Iterator[bytes]:
    asked = (body.get("stream_options") or {}).get("include_usage") and words != "uncounted"
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    nothing = {"usage": None} if asked else {}
    if words == "error":
        yield b"data: " + json.dumps({"error": {"message": "overloaded"}}).encode() + b"\n\n"
        return
    for text in ("from", " afar", " away"):
        choice = {"index": 0, "delta": {"content": text}, "text": text}
        yield b"data: " + json.dumps({**base, "choices": [choice], **nothing}).encode() + b"\n\n"
    if asked:
        yield b"data: " + json.dumps({**base, "choices": [], "usage": CHAT_USAGE}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def _of_responses(body: Json) -> Iterator[bytes]:
    base = {"id": "r", "object": "response", "model": body["model"], "output": []}
    rows: list[Json] = [{"type": "response.created", "response": base}]
    rows += [{"type": "response.output_text.delta", "delta": text, "output_index": 0} for text in ("from", " afar")]
    rows.append({"type": "response.completed", "response": {**base, "usage": RESPONSES_USAGE}})
    for number, row in enumerate(rows):
        data = json.dumps({**row, "sequence_number": number})
        yield f"event: {row['type']}\ndata: {data}\n\n".encode()


def _of_messages(body: Json) -> Iterator[bytes]:
    start = {**MESSAGES_USAGE, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": body["model"], "content": [], "usage": start}
    rows: list[Json] = [{"type": "message_start", "message": message}]
    rows += [{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}]
    rows += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        for text in ("from", " afar")
    ]
    rows += [{"type": "content_block_stop", "index": 0}]
    rows += [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}]
    rows += [{"type": "message_stop"}]
    for row in rows:
        yield f"event: {row['type']}\ndata: {json.dumps(row)}\n\n".encode()


@contextmanager
def serving(certificate: Path, key: Path, provider: Provider | None = None) -> Iterator[Provider]:
    """Serve for the length of a ``with``."""
    Server.request_queue_size = 256
    server = Server(("127.0.0.1", 0), Handler)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(certificate, key)
    server.provider = provider or Provider()
    server.provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.provider
    finally:
        server.provider.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
