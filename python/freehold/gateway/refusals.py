"""What the gateway says no to, in OpenAI's words; :mod:`freehold.gateway.api.forms` says it in each protocol's form.

``{"error": {"message", "type", "param", "code"}}``; the clients retry 408, 409, 429 and 5xx by themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

RETRY_SECONDS = 1
INVALID = "invalid_request_error"
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(eq=False)
class RefusalError(Exception):
    """A request that ends here. ``reason`` is a short fixed word for metrics and logs; never the caller's text."""

    status: int
    reason: str
    message: str
    type: str = INVALID
    code: str | None = None
    param: str | None = None
    headers: Headers = field(default=())

    def body(self) -> bytes:
        """Return the answer's JSON."""
        return json.dumps({"error": self.as_json()}).encode()

    def as_json(self) -> dict[str, Any]:
        """Return the inner object."""
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}


def bad_key(reason: str, message: str) -> RefusalError:
    """401: no key, or one that is not known."""
    return RefusalError(401, reason, message, code="invalid_api_key", headers=((b"www-authenticate", b"Bearer"),))


def not_served(served: Iterable[str]) -> RefusalError:
    """404: a path or method that is not on the list."""
    return RefusalError(
        404, "unknown_path", f"Not served here. This endpoint serves: {', '.join(served)}.", code="unknown_url"
    )


def unknown_model(served: Iterable[str], kind: str = "") -> RefusalError:
    """404: a model that is not here; the message lists those that are (of ``kind``, where the path asks for one)."""
    names = ", ".join(served) or "none"
    models = f"{kind} models" if kind else "models"
    message = f"This model is not served here. The {models} of this endpoint: {names}."
    return RefusalError(404, "unknown_model", message, code="model_not_found", param="model")


def malformed(message: str, *, reason: str = "malformed", param: str | None = None) -> RefusalError:
    """400: a body that cannot be understood."""
    return RefusalError(400, reason, message, param=param)


def too_large(limit: int) -> RefusalError:
    """413: a body over the limit."""
    return RefusalError(413, "too_large", f"The body may have at most {limit} bytes.", code="request_too_large")


def too_slow(what: str, seconds: float) -> RefusalError:
    """408: a client that does not come to the point."""
    return RefusalError(408, "too_slow", f"{what} did not arrive within {seconds:g} seconds.", type="timeout_error")


def headers_too_large(limit: int) -> RefusalError:
    """431: a request head over the limit."""
    return RefusalError(431, "headers_too_large", f"Request line and headers may have at most {limit} bytes.")


def busy(what: str, limit: int) -> RefusalError:
    """503: as many requests as this endpoint takes are being answered."""
    return _later(503, "busy", f"{what} answers {limit} requests at once, and that many are open. Try again soon.")


def not_yours(allowed: Iterable[str]) -> RefusalError:
    """403: a model that is served here, and not to this key."""
    names = ", ".join(allowed) or "none"
    message = f"This key may not use this model. It may use: {names}. The operator can change that."
    return RefusalError(403, "model_not_allowed", message, code="model_not_allowed", param="model")


def over_quota(limit: str, allowed: int, left: int, wait_seconds: int) -> RefusalError:
    """429: a limit of the key itself. ``wait_seconds`` below 0: this request alone is over it, waiting cannot help."""
    words = {"requests_per_minute": "requests a minute", "tokens_per_day": "tokens a day", "concurrent": "at once"}
    text = f"This key may have {allowed} {words.get(limit, limit)}; {left} are left. "
    if wait_seconds < 0:
        text += "This request alone may use more: ask for fewer tokens (max_tokens)."
        return RefusalError(429, f"over_{limit}", text, type="rate_limit_error", code="request_over_limit")
    text += f"Try again in {wait_seconds} s."
    wait = ((b"retry-after", str(wait_seconds).encode()),)
    return RefusalError(429, f"over_{limit}", text, type="rate_limit_error", code="rate_limit_exceeded", headers=wait)


def too_many_of_yours(limit: int) -> RefusalError:
    """429: one caller holds its whole share."""
    refusal = _later(
        429, "too_many_of_key", f"This key has {limit} requests open, which is its share. Finish one first."
    )
    refusal.type, refusal.code = "rate_limit_error", "rate_limit_exceeded"
    return refusal


def runtime_down(model: str) -> RefusalError:
    """503: the model's runtime does not answer; it is being restarted by its supervisor, so a retry makes sense."""
    return _later(503, "runtime_down", f"The runtime of model {model} does not answer. Try again soon.")


def runtime_loading(model: str) -> RefusalError:
    """503: the runtime answers, but not yet with its model."""
    return _later(503, "runtime_loading", f"The runtime of model {model} is loading its weights. Try again soon.")


def runtime_failed(model: str, status: int) -> RefusalError:
    """502: the runtime answered with an error of its own making."""
    text = f"The runtime of model {model} failed (its status: {status}). The operator finds why in its journal."
    return RefusalError(502, "runtime_failed", text, type="server_error", code="runtime_failed")


def stream_broken(model: str) -> RefusalError:
    """Say in the stream that the runtime went away; status 200 has been sent by then."""
    text = f"The runtime of model {model} stopped in the middle of this answer. Send the request again."
    return RefusalError(503, "runtime_died", text, type="server_error", code="stream_broken")


def draining() -> RefusalError:
    """503: this gateway is being restarted and cannot finish the answer in time."""
    return _later(503, "draining", "This endpoint is being restarted and could not finish. Send the request again.")


def our_fault() -> RefusalError:
    """500: a defect of the gateway."""
    text = "The gateway failed. The operator finds why in its journal by the x-request-id of this answer."
    return RefusalError(500, "gateway_failed", text, type="server_error", code="gateway_failed")


def _later(status: int, reason: str, message: str) -> RefusalError:
    wait = ((b"retry-after", str(RETRY_SECONDS).encode()),)
    return RefusalError(status, reason, message, type="server_error", code=reason, headers=wait)
