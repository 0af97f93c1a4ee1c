"""What the official SDK gets from the gateway, and what it is refused."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from tests.unit.gateway.harness import CHAT, CLIENT_KEY, DOWN, EMBEDDING, INTERNAL_KEY, LARGE, Harness, eventually


@pytest.fixture
def client(gateway: Harness) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0) as sdk:
        yield sdk


def test_chat_names_the_local_model_in_body_and_header(client: openai.OpenAI, gateway: Harness) -> None:
    raw = client.chat.completions.with_raw_response.create(model=CHAT, messages=[{"role": "user", "content": "hi"}])
    answer = raw.parse()
    assert answer.choices[0].message.content == "one two three"
    assert answer.model == CHAT
    assert raw.headers["x-freehold-model"] == CHAT
    assert raw.headers["x-freehold-route"] == "local"
    assert raw.headers["x-request-id"].startswith("req_")
    path, headers, _ = gateway.runtime.seen[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {INTERNAL_KEY}"
    assert CLIENT_KEY not in str(headers)


@pytest.mark.parametrize("model", [CHAT, LARGE])
def test_stream_gives_the_text_and_no_usage_that_was_not_asked_for(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}], stream=True)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "eins zwölf 三"
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert all("timings" not in (chunk.model_extra or {}) for chunk in chunks)


@pytest.mark.parametrize("model", [CHAT, LARGE])
def test_stream_gives_the_usage_that_was_asked_for_once(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "hi"}], stream=True, stream_options={"include_usage": True}
    )
    usages = [chunk.usage for chunk in stream if chunk.usage]
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in usages] == [(11, 3)]


def test_what_the_client_asks_of_the_engine_itself_stays(client: openai.OpenAI) -> None:
    """The running count is taken out only where the gateway had asked for it."""
    stream = client.chat.completions.create(
        model=CHAT,
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        extra_body={"timings_per_token": True},
    )
    assert sum("timings" in (chunk.model_extra or {}) for chunk in stream) == 3


def test_completions(client: openai.OpenAI) -> None:
    assert client.completions.create(model=CHAT, prompt="hi").choices[0].text == "one two three"
    stream = client.completions.create(model=CHAT, prompt="hi", stream=True)
    assert "".join(chunk.choices[0].text or "" for chunk in stream) == "eins zwölf 三"


def test_embeddings(client: openai.OpenAI, gateway: Harness) -> None:
    answer = client.embeddings.create(model=EMBEDDING, input="hi", encoding_format="float")
    assert answer.data[0].embedding == [0.5, -0.25]
    assert answer.usage.prompt_tokens == 4
    assert gateway.runtime.seen[0][0] == "/v1/embeddings"


def test_models_are_listed_from_the_settings(client: openai.OpenAI, gateway: Harness) -> None:
    assert [model.id for model in client.models.list()] == [CHAT, LARGE, EMBEDDING, DOWN]
    assert client.models.retrieve(CHAT).id == CHAT
    with pytest.raises(openai.NotFoundError, match=CHAT):
        client.models.retrieve("gpt-4o")
    assert not gateway.runtime.seen


def test_bad_key_is_refused_and_the_good_one_is_not(client: openai.OpenAI, gateway: Harness) -> None:
    stranger = client.with_options(api_key="fh-" + "z" * 43)
    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": "hi"}])
    assert caught.value.code == "invalid_api_key"
    assert not gateway.runtime.seen
    client.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": "hi"}])
    assert len(gateway.runtime.seen) == 1


@pytest.mark.parametrize("model", ["gpt-4o", EMBEDDING])
def test_unknown_model_is_refused_with_those_that_fit(client: openai.OpenAI, gateway: Harness, model: str) -> None:
    with pytest.raises(openai.NotFoundError, match=rf"chat models of this endpoint: {CHAT}, {LARGE}") as caught:
        client.chat.completions.create(model=model, messages=[])
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert not gateway.runtime.seen


def test_runtime_down_is_a_retryable_error_that_names_the_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError, match=f"The runtime of model {DOWN} does not answer") as caught:
        client.chat.completions.create(model=DOWN, messages=[{"role": "user", "content": "hi"}])
    assert caught.value.status_code == 503
    assert caught.value.response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("told", "status", "says"),
    [
        ("status=400", 400, "the runtime's own words"),
        ("status=400 input (9 tokens) is larger than the max context size (5)", 400, "max context size"),
        ("status=500 input (9 tokens) is too large to process", 400, "too large to process"),
        ("status=500", 502, "failed"),
        ("status=503", 503, "loading"),
        ("status=401", 502, "failed"),
        ("status=404", 502, "failed"),
    ],
)
def test_what_a_runtime_refuses_is_told_as_whose_fault_it_is(
    client: openai.OpenAI, told: str, status: int, says: str
) -> None:
    """A runtime's 401 means that the internal key is wrong: the caller must not think that its own one is."""
    with pytest.raises(openai.APIStatusError, match=says) as caught:
        client.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": told}], stream=True)
    assert caught.value.status_code == status


@pytest.mark.parametrize("how", ["die", "end"])
def test_a_runtime_that_dies_in_a_stream_gives_one_clear_error(
    client: openai.OpenAI, gateway: Harness, how: str
) -> None:
    before = gateway.count("freehold_gateway_cut_answers_total", by="runtime")
    stream = client.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": how}], stream=True)
    texts = []
    with pytest.raises(openai.APIError, match="stopped in the middle") as caught:
        texts += [chunk.choices[0].delta.content for chunk in stream]
    assert caught.value.code == "stream_broken"
    eventually(lambda: gateway.count("freehold_gateway_cut_answers_total", by="runtime") == before + 1)


@pytest.mark.parametrize("wish", [{"n": 2}, {"extra_body": {"best_of": 3}}])
def test_choices_that_llama_cpp_cannot_count_are_refused(
    client: openai.OpenAI, gateway: Harness, wish: dict[str, int]
) -> None:
    with pytest.raises(openai.BadRequestError, match="one choice only"):
        client.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": "hi"}], **wish)  # type: ignore[call-overload]
    assert not gateway.runtime.seen
    client.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": "hi"}], n=1)
    client.chat.completions.create(model=LARGE, messages=[{"role": "user", "content": "hi"}], n=2)
    assert len(gateway.runtime.seen) == 2


def test_several_prompts_are_refused_and_one_in_tokens_is_not(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="one choice only"):
        client.completions.create(model=CHAT, prompt=["a", "b"])
    assert client.completions.create(model=CHAT, prompt=[1, 2, 3]).choices
    assert client.completions.create(model=CHAT, prompt=["a"]).choices
