"""One request from its head to its end: what is known of it for the counters and the log. Never what it says."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from freehold.gateway.api.forms import OPENAI, Form
from freehold.gateway.ids import Ids
from freehold.gateway.usage import Usage
from freehold.ledger.quota import Ticket

WELL_FORMED_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
"""A client's own id for a request: short enough for a metric's exemplar, harmless in a header and in the log."""


def chosen_id(offered: bytes | None, ids: Ids) -> str:
    """Return the client's id for its request, if it is well formed, else a new one."""
    return offered.decode("ascii") if offered and WELL_FORMED_ID.fullmatch(offered) else f"req_{ids.next()}"


class Cut(StrEnum):
    """Who ended an answer before its end."""

    NOBODY = ""
    CLIENT = "client"
    SLOW_CLIENT = "slow_client"
    RUNTIME = "runtime"
    DRAIN = "drain"


@dataclass(slots=True)
class Exchange:
    """Filled while the request is served.

    ``path`` is one of the served ones or empty; ``model_asked`` is a name from the settings or empty, ``model`` the one
    that answers, ``replica`` where it does: empty for this node's own. ``frontier`` is why nobody else answered though
    the frontier was asked for; ``spent_beside`` the tokens of a request that left, which the ledger has a row of.
    """

    clock: Callable[[], float] = time.monotonic
    id: str = ""
    method: str = ""
    path: str = ""
    form: Form = OPENAI  # of a refusal
    client: str = ""
    asked_by: Literal["client", "node"] = "client"  # node: another gateway, which counts what its client gets
    key: str = ""
    model_asked: str = ""
    model: str = ""
    replica: str = ""
    route: str = ""
    status: int = 0
    reason: str = ""  # of a refusal
    cut: Cut = Cut.NOBODY
    ticket: Ticket | None = None  # what its key has reserved
    frontier: str = ""
    spent_beside: int = 0
    on_record: bool = False  # the ledger has this very answer's row already
    usage: Usage = field(default_factory=Usage)
    counted: bool = True  # by an engine; else ``usage`` is what was seen on the way, at least
    prompt_at_most: int = 0
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

    def labels(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that tell the client who answered."""
        labels = [(b"x-request-id", self.id.encode())]
        if self.route:
            labels += [(b"x-freehold-model", self.model.encode()), (b"x-freehold-route", self.route.encode())]
        if self.replica:
            labels.append((b"x-freehold-node", self.replica.encode()))
        if self.frontier:
            labels.append((b"x-freehold-frontier", self.frontier.encode()))
        return labels

    def line(self) -> str:
        """Return the access log's line: no body, no query, no header, no path that is not one of ours."""
        first = self.seconds_to_first_token
        return (
            f"status={self.status} method={self.method} path={self.path or '(not served)'} key={self.key or '-'} "
            f"model={self.model or '-'} route={self.route or '-'} "
            f"in={self.usage.prompt} out={self.usage.completion} "
            f"first={'-' if first is None else f'{first:.3f}'} took={self.seconds:.3f} "
            f"reason={self.reason or '-'} cut={self.cut or '-'} from={self.client or '-'} id={self.id}"
        )


class Recorder(Protocol):
    """Takes note of exchanges: counters, the log, the ledger."""

    def record(self, exchange: Exchange) -> None:
        """Note one exchange at its end. Called on the event loop: it must not wait, and what it raises is a defect."""
