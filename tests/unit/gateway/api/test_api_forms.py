"""A refusal has the form of the protocol that was spoken."""

from __future__ import annotations

import json

import pytest

from freehold.gateway import refusals
from freehold.gateway.api.forms import ANTHROPIC, OPENAI, OPENAI_RESPONSES, Form, form_of

VERSION = [(b"anthropic-version", b"2023-06-01")]
KINDS = [
    (refusals.malformed("x", param="n"), 400, "invalid_request_error"),
    (refusals.bad_key("bad_key", "x"), 401, "authentication_error"),
    (refusals.RefusalError(403, "not_yours", "x"), 403, "permission_error"),
    (refusals.unknown_model(["a"]), 404, "not_found_error"),
    (refusals.too_large(1), 413, "request_too_large"),
    (refusals.too_slow("It", 1), 408, "timeout_error"),
    (refusals.RefusalError(409, "odd", "x"), 409, "invalid_request_error"),
    (refusals.too_many_of_yours(1), 429, "rate_limit_error"),
    (refusals.our_fault(), 500, "api_error"),
    (refusals.runtime_failed("m", 500), 502, "api_error"),
    (refusals.runtime_down("m"), 529, "overloaded_error"),
    (refusals.busy("m", 1), 529, "overloaded_error"),
    (refusals.stream_broken("m"), 529, "overloaded_error"),
]


@pytest.mark.parametrize(("refusal", "status", "kind"), KINDS)
def test_anthropics_form(refusal: refusals.RefusalError, status: int, kind: str) -> None:
    assert ANTHROPIC.status(refusal) == status
    told = json.loads(ANTHROPIC.body(refusal, "req_1"))
    assert told == {"type": "error", "error": {"type": kind, "message": refusal.message}, "request_id": "req_1"}
    name, data = ANTHROPIC.event(refusal, "req_1").decode().rstrip().split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: ")) == told


def test_openais_form() -> None:
    refusal = refusals.malformed("x", param="n")
    error = {"message": "x", "type": "invalid_request_error", "param": "n", "code": None}
    assert OPENAI.status(refusals.busy("m", 1)) == 503
    assert json.loads(OPENAI.body(refusal, "req_1")) == {"error": error}
    assert OPENAI.event(refusal, "req_1") == b"data: " + OPENAI.body(refusal, "req_1") + b"\n\n"


def test_the_form_of_responses_serves_readers_of_fields_and_of_errors() -> None:
    refusal = refusals.draining()
    assert OPENAI_RESPONSES.body(refusal, "") == OPENAI.body(refusal, "")
    name, data = OPENAI_RESPONSES.event(refusal, "").decode().rstrip().split("\n")
    told = json.loads(data.removeprefix("data: "))
    assert name == "event: error"
    assert (told["type"], told["code"], told["message"]) == ("error", "draining", refusal.message)
    assert told["error"]["message"] == refusal.message


@pytest.mark.parametrize(
    ("path", "headers", "form"),
    [
        ("/v1/messages", [], ANTHROPIC),
        ("/v1/messages/count_tokens", [], ANTHROPIC),
        ("/v1/messages/batches", [], ANTHROPIC),
        ("/v1/responses", VERSION, OPENAI_RESPONSES),
        ("/v1/chat/completions", VERSION, OPENAI),
        ("/v1/models", [], OPENAI),
        ("/v1/models", VERSION, ANTHROPIC),
        ("/v1/models/x", VERSION, ANTHROPIC),
        ("/elsewhere", [], OPENAI),
        ("/elsewhere", VERSION, ANTHROPIC),
    ],
)
def test_the_form_is_known_before_the_request_is(path: str, headers: list[tuple[bytes, bytes]], form: Form) -> None:
    assert form_of(path, headers) is form
