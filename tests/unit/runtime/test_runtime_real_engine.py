"""The real llama.cpp behind the launcher, with models of random numbers: what is open, counted and refused."""

from __future__ import annotations

import http.client
import importlib.util
import json
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.ports import free_port
from tests.unit.runtime import tiny_gguf
from tests.unit.runtime.launched import KEY, LIMIT_SECONDS, Launched, launched, settings

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None,
    reason="xllamacpp is in requirements/node/llama_cpp.txt only; on a node the lab's tests ask the same of it",
)

OPEN = {"/health", "/v1/health"}
PATHS = (
    *(("GET", path) for path in ("/v1/models", "/models", "/metrics", "/props", "/slots", "/lora-adapters", "/tools")),
    *(("POST", path) for path in ("/v1/chat/completions", "/v1/completions", "/completion", "/v1/embeddings")),
    *(("POST", path) for path in ("/v1/messages", "/v1/responses", "/tokenize", "/detokenize", "/apply-template")),
    *(("POST", path) for path in ("/infill", "/rerank", "/slots/0?action=erase", "/props", "/models/load", "/unknown")),
)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    folder = tmp_path_factory.mktemp("chat")
    config = settings(tiny_gguf.chat(folder / "tiny.gguf"), free_port(), context=256)
    with launched(folder, config, pretend=False) as run:
        assert run.hears().startswith("READY=1")
        yield run


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    folder = tmp_path_factory.mktemp("encoder")
    config = settings(tiny_gguf.encoder(folder / "tiny.gguf"), free_port(), mode="embedding", alias="tiny-embed")
    with launched(folder, config, pretend=False) as run:
        assert run.hears().startswith("READY=1")
        yield run


def ask(run: Launched, method: str, path: str, body: Any = None, key: str | None = KEY) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=20)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("key", [None, "wrong" * 10])
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_path_but_health_wants_the_internal_key(chat: Launched, method: str, path: str, key: str | None) -> None:
    assert ask(chat, method, path, {}, key)[0] == 401


@pytest.mark.parametrize("path", sorted(OPEN))
def test_health_is_open(chat: Launched, path: str) -> None:
    assert ask(chat, "GET", path, key=None) == (200, b'{"status":"ok"}')


def test_with_the_key_it_answers_and_counts(chat: Launched) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, "temperature": 0, "ignore_eos": True}
    status, raw = ask(chat, "POST", "/v1/chat/completions", body)
    answer = json.loads(raw)
    assert (status, answer["model"], answer["usage"]["completion_tokens"]) == (200, "tiny", 5)
    status, metrics = ask(chat, "GET", "/metrics")
    assert status == 200
    assert b"llamacpp:tokens_predicted_total" in metrics


def test_slots_that_would_show_prompts_stay_shut(chat: Launched) -> None:
    assert ask(chat, "GET", "/slots")[0] == 501


def test_each_request_has_the_whole_context(chat: Launched) -> None:
    """256 tokens for each of the two requests at once, not 128. (llama.cpp rounds small contexts up to 256.)"""
    fits, too_long = "x" * 200, "x" * 270
    body = {"prompt": fits, "max_tokens": 1}
    assert ask(chat, "POST", "/v1/completions", body)[0] == 200
    assert ask(chat, "POST", "/v1/completions", {**body, "prompt": too_long})[0] == 400


def test_running_count_that_the_gateway_reads_is_in_the_stream(chat: Launched) -> None:
    body = {"prompt": "abc", "max_tokens": 4, "ignore_eos": True, "stream": True, "timings_per_token": True}
    raw = ask(chat, "POST", "/v1/completions", body)[1].decode()
    chunks = [json.loads(row[6:]) for row in raw.split("\n\n") if row.startswith("data: {")]
    last = chunks[-1]
    assert last["timings"]["cache_n"] + last["timings"]["prompt_n"] == last["usage"]["prompt_tokens"]
    assert last["timings"]["predicted_n"] == last["usage"]["completion_tokens"] == 4


def test_an_encoder_answers_embeddings_only(encoder: Launched) -> None:
    status, raw = ask(encoder, "POST", "/v1/embeddings", {"model": "tiny-embed", "input": ["a b", "c"]})
    answer = json.loads(raw)
    assert (status, len(answer["data"]), len(answer["data"][0]["embedding"])) == (200, 2, tiny_gguf.WIDTH)
    assert answer["usage"]["prompt_tokens"] == 7
    assert ask(encoder, "POST", "/v1/chat/completions", {"messages": []})[0] == 500


def test_a_text_too_long_for_an_encoder_is_refused_in_words_that_the_gateway_knows(encoder: Launched) -> None:
    status, raw = ask(encoder, "POST", "/v1/embeddings", {"model": "x", "input": "a " * 600})
    assert status in {400, 500}
    assert b"too large to process" in raw or b"max context size" in raw


def test_an_end_is_obeyed_at_once_with_many_streams_in_flight(tmp_path: Path) -> None:
    """llama.cpp's own end would wait for them for ever."""
    config = settings(tiny_gguf.chat(tmp_path / "tiny.gguf"), free_port(), context=256)
    body = json.dumps({"prompt": "a", "stream": True, "ignore_eos": True}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n"
    with launched(tmp_path, config, pretend=False) as run, ExitStack() as clients:
        assert run.hears().startswith("READY=1")
        streams = [clients.enter_context(socket.create_connection(("127.0.0.1", run.port), 20)) for _ in range(40)]
        for stream in streams:
            stream.sendall(head.encode() + b"\r\n" + body)
        assert streams[0].recv(12) == b"HTTP/1.1 200"
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(LIMIT_SECONDS) == 0
