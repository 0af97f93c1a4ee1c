"""The makers' own SDKs, pointed at the gateway, do not notice who answers; what they are refused they understand."""

from __future__ import annotations

import anthropic
import openai
import pytest
from tests.unit.gateway.frontier.site import BEST, CLAUDE, MAY, STRICT, Site

CARD = "my card is 4111 1111 1111 1111"


def ours(here: Site, retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{here.gateway.url}/v1", api_key=MAY, max_retries=retries)


def theirs(here: Site) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=here.gateway.url, api_key=MAY, max_retries=0)


def test_openai_s_reads_answers_and_streams(here: Site) -> None:
    with ours(here) as client:
        plain = client.chat.completions.create(model=BEST, messages=[{"role": "user", "content": "hi"}])
        assert (plain.model, plain.choices[0].message.content) == ("big-1", "from afar")
        stream = client.chat.completions.create(
            model=BEST, messages=[{"role": "user", "content": "hi"}], stream=True, max_tokens=10
        )
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "from afar away"
        assert client.responses.create(model=BEST, input="hi").output_text == "from afar"
        assert client.models.retrieve(BEST).owned_by == "frontier: acme"
    here.settled(3)


def test_anthropic_s_reads_answers_and_streams(here: Site) -> None:
    with theirs(here) as client:
        plain = client.messages.create(model=CLAUDE, max_tokens=10, messages=[{"role": "user", "content": "hi"}])
        assert plain.content[0].type == "text"
        assert plain.usage.cache_read_input_tokens == 4
        with client.messages.stream(
            model=CLAUDE, max_tokens=10, messages=[{"role": "user", "content": "hi"}]
        ) as stream:
            assert "".join(stream.text_stream) == "from afar"
    assert [row["outcome"] for row in here.settled(2)] == ["answered", "answered"]


def test_a_refusal_is_their_own_kind_of_error(here: Site) -> None:
    with ours(here) as client, pytest.raises(openai.PermissionDeniedError, match="card") as caught:
        client.chat.completions.create(model=STRICT, messages=[{"role": "user", "content": CARD}])
    assert caught.value.code == "frontier_rule_found"
    with theirs(here) as client, pytest.raises(anthropic.PermissionDeniedError, match="card"):
        client.messages.create(model=CLAUDE, max_tokens=10, messages=[{"role": "user", "content": CARD}])
    assert here.provider.connections == 0


def test_a_dark_provider_is_no_storm_through_their_retries(here: Site) -> None:
    here.provider.headers = {"retry-after": "200"}
    here.provider.ill = "status=429"
    with ours(here, retries=2) as client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model=STRICT, messages=[{"role": "user", "content": "hi"}])
    assert len(here.provider.seen) == 1
    assert here.gateway.count("freehold_gateway_requests_total", status="503") == 1  # told not to come again so soon
