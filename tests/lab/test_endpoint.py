"""A client outside gets real answers from the node, with real clients, and nothing else."""

import json
import sys
from typing import Any

import pytest
from tests.lab.world import Document, Outside

from freehold.status.gather import Access

CHAT = "smollm2-135m-instruct"
EMBEDDING = "all-minilm-l6-v2"
SDK = """
import json, sys
from openai import AuthenticationError, NotFoundError, OpenAI
asked = json.load(sys.stdin)
client = OpenAI(base_url=asked["endpoint"], api_key=asked["key"], max_retries=0)
question = [{"role": "user", "content": "What is the capital of France?"}]
plain = client.chat.completions.create(model=asked["chat"], messages=question, max_tokens=24, temperature=0)
pieces = client.chat.completions.create(
    model=asked["chat"], messages=question, max_tokens=24, temperature=0, stream=True
)
stream = "".join(chunk.choices[0].delta.content or "" for chunk in pieces if chunk.choices)
vectors = client.embeddings.create(model=asked["embedding"], input=asked["texts"])
refused = {}
try:
    OpenAI(base_url=asked["endpoint"], api_key="fh-wrong", max_retries=0).models.list()
except AuthenticationError as error:
    refused["key"] = error.status_code
try:
    client.chat.completions.create(model="gpt-x", messages=question)
except NotFoundError as error:
    refused["model"] = str(error)
print(json.dumps({
    "plain": plain.choices[0].message.content, "model": plain.model, "usage": plain.usage.model_dump(),
    "stream": stream, "vectors": [one.embedding for one in vectors.data],
    "models": [one.id for one in client.models.list()], "refused": refused,
}))
"""


@pytest.fixture(scope="module")
def said(outside: Outside, endpoint: str, access: Access) -> dict[str, Any]:
    """What the official openai SDK got, run in the outside namespace."""
    texts = ["a house that is owned", "a freehold", "boiled rice"]
    asked = {"endpoint": endpoint, "key": access.client_key, "chat": CHAT, "embedding": EMBEDDING, "texts": texts}
    done = outside(sys.executable, "-c", SDK, stdin=json.dumps(asked))
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_chat_answers_with_text_of_the_model(said: dict[str, Any]) -> None:
    # What a model of 135 million parameters says of it is its own affair; that it says words is ours.
    assert len(said["plain"].split()) >= 3
    assert said["model"] == CHAT
    assert said["usage"]["completion_tokens"] > 0


def test_a_stream_says_the_same_as_the_plain_answer(said: dict[str, Any]) -> None:
    assert said["stream"] == said["plain"]


def test_embeddings_carry_meaning(said: dict[str, Any]) -> None:
    owned, freehold, rice = said["vectors"]
    assert len(owned) == 384

    def cosine(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert cosine(owned, freehold) > cosine(owned, rice)


def test_the_models_are_the_declared_ones(said: dict[str, Any], document: Document) -> None:
    assert sorted(said["models"]) == sorted(model["name"] for model in document["models"])


def test_a_bad_key_and_an_unknown_model_are_refused_with_the_reason(said: dict[str, Any]) -> None:
    assert said["refused"]["key"] == 401
    assert CHAT in said["refused"]["model"]


def test_curl_as_printed_answers(outside: Outside, endpoint: str, access: Access) -> None:
    body = json.dumps({"model": CHAT, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8})
    key = f"Authorization: Bearer {access.client_key}"
    done = outside(
        "curl", "-sS", f"{endpoint}/chat/completions", "-H", key, "-H", "Content-Type: application/json", "-d", body
    )
    assert json.loads(done.stdout)["choices"][0]["message"]["content"].strip()


@pytest.mark.parametrize(
    "path", ["/metrics", "/slots", "/props", "/v1/../metrics", "/tokenize", "/health", "/completion"]
)
def test_no_path_of_a_runtime_is_reached_even_with_a_key(
    outside: Outside, endpoint: str, access: Access, path: str
) -> None:
    base = endpoint.removesuffix("/v1")
    key = f"Authorization: Bearer {access.client_key}"
    done = outside("curl", "-sS", "--path-as-is", "-w", "\n%{http_code}", "-H", key, f"{base}{path}")
    body, status = done.stdout.rsplit("\n", 1)
    assert status == "404"
    assert json.loads(body)["error"]["type"]


def test_without_a_key_nothing_is_told(outside: Outside, endpoint: str) -> None:
    done = outside("curl", "-sS", "-w", "\n%{http_code}", f"{endpoint}/models")
    assert done.stdout.rsplit("\n", 1)[1] == "401"
