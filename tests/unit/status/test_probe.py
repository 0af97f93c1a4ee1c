"""The probe measures a real stream, and says so when nobody answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from freehold.status.probe import probe

EVENTS: list[dict[str, object]] = [
    {"choices": [{"delta": {"role": "assistant"}}]},
    {"choices": [{"delta": {"content": "An"}}]},
    {"choices": [{"delta": {"content": " owner"}}]},
    {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}},
]


@contextmanager
def server(status: int, events: list[dict[str, object]]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            for event in events:
                self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield listening.server_address[1]
        listening.shutdown()


def test_first_token_and_rate_are_read_from_the_stream() -> None:
    ticks = iter([0.0, 0.5, 0.75])
    with server(200, EVENTS) as port:
        result = probe("127.0.0.1", port, "key", "m", clock=lambda: next(ticks))
    assert (result.text, result.first_token_seconds, result.tokens_per_second) == ("An owner", 0.5, 4.0)
    assert (result.prompt_tokens, result.completion_tokens) == (9, 2)


def test_a_refusal_is_an_answer_with_its_reason() -> None:
    with server(401, []) as port:
        result = probe("127.0.0.1", port, "wrong", "m")
    assert not result.answered
    assert "401" in result.error


def test_nobody_there_is_no_exception() -> None:
    result = probe("127.0.0.1", 9, "key", "m")
    assert not result.answered
    assert "refused" in result.error.lower()


def test_a_stream_without_a_token_is_not_an_answer() -> None:
    with server(200, EVENTS[:1]) as port:
        assert not probe("127.0.0.1", port, "key", "m").answered
