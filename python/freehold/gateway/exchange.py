"""One request from its head to its end: what is known of it for the counters and the log. Never what it says."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.types import Scope

from freehold.gateway.api.forms import OPENAI, Form
from freehold.gateway.usage import Usage

STATE = "freehold_exchange"


class Cut(StrEnum):
    """Who ended an answer before its end."""

    NOBODY = ""
    CLIENT = "client"
    SLOW_CLIENT = "slow_client"
    RUNTIME = "runtime"
    DRAIN = "drain"


@dataclass
class Exchange:
    """Filled while the request is served; ``path`` is one of the served ones or empty."""

    clock: Callable[[], float] = time.monotonic
    id: str = field(default_factory=lambda: f"req_{uuid.uuid4().hex}")
    method: str = ""
    path: str = ""
    form: Form = OPENAI  # of a refusal
    client: str = ""
    key: str = ""
    model: str = ""
    route: str = ""
    status: int = 0
    reason: str = ""  # of a refusal
    cut: Cut = Cut.NOBODY
    body_read: bool = False
    usage: Usage = field(default_factory=Usage)
    started: float = 0.0
    first_token: float | None = None
    ended: float = 0.0

    def __post_init__(self) -> None:
        self.started = self.clock()

    def saw_first_token(self) -> None:
        """Note the time of the first piece of the answer, once."""
        if self.first_token is None:
            self.first_token = self.clock()

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.started

    @property
    def seconds_to_first_token(self) -> float | None:
        """How long the caller waited for the first piece; known for streams only."""
        return None if self.first_token is None else self.first_token - self.started

    def line(self) -> str:
        """Return the access log's line: no body, no query, no header, no path that is not one of ours."""
        first = self.seconds_to_first_token
        fields = {
            "status": self.status,
            "method": self.method,
            "path": self.path or "(not served)",
            "key": self.key or "-",
            "model": self.model or "-",
            "route": self.route or "-",
            "in": self.usage.prompt,
            "out": self.usage.completion,
            "first": "-" if first is None else f"{first:.3f}",
            "took": f"{self.seconds:.3f}",
            "reason": self.reason or "-",
            "cut": self.cut or "-",
            "from": self.client or "-",
            "id": self.id,
        }
        return " ".join(f"{name}={value}" for name, value in fields.items())


def of(scope: Scope) -> Exchange:
    """Return the exchange of a request."""
    exchange: Exchange = scope[STATE]
    return exchange
