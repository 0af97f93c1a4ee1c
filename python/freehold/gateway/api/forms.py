"""A refusal as each protocol's clients understand it: status, body, and the last event of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Protocol

from freehold.gateway.refusals import RefusalError

Json = dict[str, Any]
Headers = Iterable[tuple[bytes, bytes]]

MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
UNAVAILABLE, OVERLOADED = 503, 529

# https://docs.anthropic.com/en/api/errors; the anthropic SDK 2.12 makes its exception of the status.
ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    OVERLOADED: "overloaded_error",
}
SERVER_ERROR = 500


class Form(Protocol):
    """How one protocol says no."""

    def status(self, refusal: RefusalError) -> int:
        """Return the HTTP status."""

    def body(self, refusal: RefusalError, request_id: str) -> bytes:
        """Return the answer's JSON."""

    def event(self, refusal: RefusalError, request_id: str) -> bytes:
        """Return the same as the last event of a stream, whose status 200 has been sent already."""


class OpenAI:
    """``{"error": {"message", "type", "param", "code"}}``, in a stream too."""

    def status(self, refusal: RefusalError) -> int:
        """Return the refusal's own."""
        return refusal.status

    def body(self, refusal: RefusalError, request_id: str) -> bytes:
        """Return the answer's JSON; the id is in a header only, as OpenAI does it."""
        del request_id
        return refusal.body()

    def event(self, refusal: RefusalError, request_id: str) -> bytes:
        """Return an event of data only."""
        return b"data: " + self.body(refusal, request_id) + b"\n\n"


class OpenAIResponses(OpenAI):
    """Errors as above; in a stream an event named ``error``."""

    def event(self, refusal: RefusalError, request_id: str) -> bytes:
        """Return the event with its fields at the top, as documented, and under ``error``.

        openai's SDK (3.54) raises only for a nested ``error``; clients that go by the reference read the fields.
        """
        del request_id
        error = refusal.as_json()
        told = {"type": "error", **{name: error[name] for name in ("code", "message", "param")}, "error": error}
        return b"event: error\ndata: " + _dump(told) + b"\n\n"


class Anthropic:
    """``{"type": "error", "error": {"type", "message"}, "request_id"}``; in a stream an event named ``error``."""

    def status(self, refusal: RefusalError) -> int:
        """Return the refusal's own, but 529 where something is busy or starting: Anthropic's word for come again."""
        return OVERLOADED if refusal.status == UNAVAILABLE else refusal.status

    def body(self, refusal: RefusalError, request_id: str) -> bytes:
        """Return the answer's JSON."""
        error = {"type": self._type(refusal), "message": refusal.message}
        return _dump({"type": "error", "error": error, "request_id": request_id})

    def event(self, refusal: RefusalError, request_id: str) -> bytes:
        """Return the event."""
        return b"event: error\ndata: " + self.body(refusal, request_id) + b"\n\n"

    def _type(self, refusal: RefusalError) -> str:
        status = self.status(refusal)
        known = ANTHROPIC_TYPES.get(status)
        return known or ("api_error" if status >= SERVER_ERROR else "invalid_request_error")


OPENAI, OPENAI_RESPONSES, ANTHROPIC = OpenAI(), OpenAIResponses(), Anthropic()


def form_of(path: str, headers: Headers) -> Form:
    """Return the form for a request, known before it is: even a refused key or an unknown path has one."""
    if path == MESSAGES or path.startswith(MESSAGES + "/"):
        return ANTHROPIC
    if path == RESPONSES:
        return OPENAI_RESPONSES
    served_by_path = path in {"/v1/chat/completions", "/v1/completions", "/v1/embeddings"}
    return OPENAI if served_by_path or not speaks_anthropic(headers) else ANTHROPIC


def speaks_anthropic(headers: Headers) -> bool:
    """Tell whether a client is one of Anthropic's: all of them send this header."""
    return any(name == b"anthropic-version" for name, _ in headers)


def _dump(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
