"""No part of a message makes a runtime fetch what the owner did not list."""

from __future__ import annotations

from typing import Any

import pytest

from freehold.gateway.api.base import ApiLimits
from freehold.gateway.api.catalogue import APIS
from freehold.gateway.refusals import RefusalError

DATA = "data:image/png;base64,iVBORw0KGgo="
LISTED = ApiLimits(
    image_hosts=frozenset({"pictures.example.test", "10.0.0.5", "127.0.0.1", "localhost", "2130706433", "0x7f000001"})
    | {"169.254.169.254", "metadata.google.internal", "::1"},
    image_bytes=1000,
    images=2,
)
BAD = [
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:8001/slots",
    "https://localhost/x.png",
    "http://[::1]/x.png",
    "http://10.0.0.5/x.png",
    "http://2130706433/x.png",
    "http://0x7f000001/x.png",
    "http://metadata.google.internal/",
    "https://elsewhere.example.test/x.png",
    "https://pictures.example.test@elsewhere.example.test/x.png",
    "https://pictures.example.test:8443/x.png",
    "https://pictures.example.test\\@elsewhere.example.test/",
    "https://elsewhere.example.test#@pictures.example.test/",
    "HTTP://127.0.0.1/",
    " http://127.0.0.1/",
    "https:/127.0.0.1/",
    "https://pictures.example.test:port/",
    "file:///etc/passwd",
    "ftp://pictures.example.test/x.png",
    "gopher://127.0.0.1/",
    "s3://bucket/x.png",
    "data:text/html;base64,AAAA",
    "data:image/svg+xml;base64,AAAA",
    "data:image/png,rawbytes",
    "data:image/png;base64," + "A" * 2000,
]
GOOD = [
    DATA,
    "https://pictures.example.test/x.png",
    "http://pictures.example.test:80/a?b=c",
    "https://pictures.example.test./",
]


def in_chat(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {"messages": said({"type": "image_url", "image_url": {"url": url}})}


def in_chat_flat(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {"messages": said({"type": "image_url", "image_url": url})}


def in_audio(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {"messages": said({"type": "input_audio", "input_audio": {"data": url}})}


def in_video(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {"messages": said({"type": "video_url", "video_url": {"url": url}})}


def in_something_new(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/chat/completions", {"messages": said({"type": "hologram", "layers": [{"at": [url]}]})}


def in_messages(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/messages", {"max_tokens": 5, "messages": said({"type": "image", "source": {"type": "url", "url": url}})}


def in_a_tools_result(url: str) -> tuple[str, dict[str, Any]]:
    picture = {"type": "image", "source": {"type": "url", "url": url}}
    return "/v1/messages", {"max_tokens": 5, "messages": said({"type": "tool_result", "content": [picture]})}


def in_counting(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/messages/count_tokens", in_messages(url)[1]


def in_responses(url: str) -> tuple[str, dict[str, Any]]:
    return "/v1/responses", {"input": said({"type": "input_image", "image_url": url})}


def in_a_functions_output(url: str) -> tuple[str, dict[str, Any]]:
    part = {"type": "input_image", "image_url": url}
    return "/v1/responses", {"input": [{"type": "function_call_output", "call_id": "1", "output": [part]}]}


def said(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]


PLACES = (
    in_chat, in_chat_flat, in_audio, in_video, in_something_new, in_messages, in_a_tools_result, in_counting,
    in_responses, in_a_functions_output,
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("url", BAD)
def test_what_points_elsewhere_is_refused_wherever_it_stands(place: Any, url: str) -> None:
    path, body = place(url)
    with pytest.raises(RefusalError) as caught:
        APIS[path].check({"model": "m", **body}, LISTED)
    assert caught.value.reason == "media_refused"
    assert caught.value.param is not None
    assert caught.value.param.split("[")[0] in {"messages", "input"}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("url", GOOD)
def test_data_and_listed_hosts_pass(place: Any, url: str) -> None:
    path, body = place(url)
    APIS[path].check({"model": "m", **body}, LISTED)


@pytest.mark.parametrize("place", PLACES)
def test_by_default_no_host_is_listed(place: Any) -> None:
    path, body = place(GOOD[1])
    with pytest.raises(RefusalError):
        APIS[path].check({"model": "m", **body}, ApiLimits())
    path, body = place(DATA)
    APIS[path].check({"model": "m", **body}, ApiLimits())


def test_plain_base64_as_anthropics_clients_send_it_passes() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    body = {"model": "m", "max_tokens": 5, "messages": said({"type": "image", "source": source})}
    APIS["/v1/messages"].check(body, LISTED)


def test_too_many_pictures_are_refused() -> None:
    part = {"type": "image_url", "image_url": {"url": DATA}}
    body = {"model": "m", "messages": [{"role": "user", "content": [part] * 2}]}
    APIS["/v1/chat/completions"].check(body, LISTED)
    body = {"model": "m", "messages": [{"role": "user", "content": [part]}] * 3}
    with pytest.raises(RefusalError, match="at most 2 pictures"):
        APIS["/v1/chat/completions"].check(body, LISTED)


@pytest.mark.parametrize("kind", ["document", "input_file", "file", "container_upload", "search_result"])
def test_what_no_engine_reads_is_refused_and_not_dropped(kind: str) -> None:
    """llama.cpp leaves unknown blocks of a message out without a word."""
    body = {"model": "m", "max_tokens": 5, "messages": said({"type": kind, "source": {"type": "text", "data": "x"}})}
    with pytest.raises(RefusalError, match=kind):
        APIS["/v1/messages"].check(body, LISTED)
