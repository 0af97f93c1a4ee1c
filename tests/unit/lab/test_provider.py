"""The stand-in for a frontier provider: the official clients take it for one, and it fails as it is told to."""

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from anthropic import Anthropic

from freehold.lab import frontier
from freehold.lab.provider.answers import TEXT
from freehold.lab.provider.server import BEHAVIOUR, REQUESTS, Behaviour, Server

KEY = "fh-made-up-for-this-test"
MESSAGES: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Server]:
    frontier.ensure_files(tmp_path, "127.0.0.1")
    server = Server("127.0.0.1", 0, tmp_path, KEY)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(provider: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(verify=ssl.create_default_context(cafile=str(provider.folder / "ca.pem"))) as made:
        yield made


def told(provider: Server, behaviour: Behaviour) -> None:
    (provider.folder / BEHAVIOUR).write_text(json.dumps(asdict(behaviour)))


def of_openai(provider: Server, client: httpx2.Client, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{base(provider)}/v1", api_key=key, max_retries=0, http_client=client)


def of_anthropic(provider: Server, client: httpx2.Client) -> Anthropic:
    return Anthropic(base_url=base(provider), api_key=KEY, max_retries=0, http_client=client)


def base(provider: Server) -> str:
    return f"https://127.0.0.1:{provider.server_address[1]}"


def test_openais_client_takes_it_for_a_provider(provider: Server, client: httpx2.Client) -> None:
    chat = of_openai(provider, client).chat.completions
    said = chat.create(model="stand-in-1", messages=MESSAGES, max_tokens=3)
    assert said.usage
    assert (said.choices[0].message.content, said.usage.completion_tokens) == ("This answer comes ", 3)
    assert said.choices[0].finish_reason == "length"
    pieces = list(chat.create(model="stand-in-1", messages=MESSAGES, stream=True))
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces[:-1]).strip() == TEXT
    assert pieces[-1].usage
    assert pieces[-1].usage.completion_tokens == len(TEXT.split())


def test_anthropics_client_takes_it_for_a_provider(provider: Server, client: httpx2.Client) -> None:
    messages = of_anthropic(provider, client).messages
    said = messages.create(model="stand-in-1", messages=MESSAGES, max_tokens=3)
    assert (said.usage.output_tokens, said.stop_reason) == (3, "max_tokens")
    with messages.stream(model="stand-in-1", messages=MESSAGES, max_tokens=90) as stream:
        assert "".join(stream.text_stream).strip() == TEXT
        assert stream.get_final_message().usage.output_tokens == len(TEXT.split())


def test_another_key_is_turned_away_and_what_came_is_on_record(provider: Server, client: httpx2.Client) -> None:
    with pytest.raises(openai.AuthenticationError):
        of_openai(provider, client, "another").chat.completions.create(
            model="stand-in-1",
            messages=MESSAGES,
        )
    (row,) = [json.loads(line) for line in (provider.folder / REQUESTS).read_text().splitlines()]
    assert (row["path"], row["body"]["messages"]) == ("/v1/chat/completions", MESSAGES)
    assert "authorization" in row["headers"]
    assert "another" not in json.dumps(row)


def test_it_fails_as_it_is_told_to(provider: Server, client: httpx2.Client) -> None:
    chat = of_openai(provider, client).chat.completions
    told(provider, Behaviour(status=503))
    with pytest.raises(openai.InternalServerError, match="503"):
        chat.create(model="stand-in-1", messages=MESSAGES)
    for silent in (Behaviour(mute=True), Behaviour(dark=True)):
        told(provider, silent)
        with pytest.raises(openai.APIConnectionError):
            of_openai(provider, client).chat.completions.create(model="stand-in-1", messages=MESSAGES)
    *_, taken, seen = [json.loads(line) for line in (provider.folder / REQUESTS).read_text().splitlines()]
    assert (taken["body"]["messages"], seen["body"]) == (MESSAGES, None)
    told(provider, Behaviour(pieces=2))
    came: list[Any] = []
    with pytest.raises(openai.APIConnectionError):
        came.extend(chat.create(model="stand-in-1", messages=MESSAGES, stream=True))
    assert len(came) == 2
    told(provider, Behaviour())
    assert chat.create(model="stand-in-1", messages=MESSAGES).choices
