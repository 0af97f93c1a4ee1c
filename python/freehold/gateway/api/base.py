"""What a protocol is: the one interface that the rest of the gateway knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from freehold.gateway.api.forms import Form
from freehold.gateway.usage import Usage

Json = dict[str, Any]
MIB = 1024 * 1024

MAXIMUM_TOKENS = 10 * MIB
"""As long as a context may be in the settings. A larger number in a request is an error or an attack."""


@dataclass(frozen=True)
class ApiLimits:
    """What bodies may carry beyond their size.

    ``image_hosts``: hosts that a runtime may fetch images from. None by default: it would be a way out of the node.
    """

    image_hosts: frozenset[str] = field(default=frozenset())
    image_bytes: int = 20 * MIB  # decoded; the body's own limit is the tighter one by default
    images: int = 20


class Meter(Protocol):
    """Counts one stream on its way to the client, and takes out what only the gateway had asked for."""

    began: bool  # a first piece of the answer has been seen
    done: bool  # the protocol's own end, or an error in its form, has been seen

    @property
    def usage(self) -> Usage:
        """What has been counted so far. Reading it costs a parse: once, at the end."""

    @property
    def exact(self) -> bool:
        """Whether an engine counted ``usage``, rather than the number of pieces, which is a lower bound."""

    def feed(self, data: bytes) -> bytes:
        """Return what the client gets for ``data``, which may end anywhere."""


class Api(Protocol):
    """One served path. Bodies are parsed JSON objects whose ``model`` is the resolved local one."""

    path: str
    kind: str  # of model: chat or embedding
    operation: str  # as gen_ai_operation_name has it
    form: Form

    def check(self, body: Json, limits: ApiLimits) -> None:
        """Raise a refusal (400) for a body that must not reach a runtime. Unknown fields pass."""

    def worst_case(self, body: Json, context: int) -> Usage:
        """Return the most tokens that this request can cost; ``context`` is the model's, 0 where it is not known."""

    def prepare(self, body: Json, engine: str, context: int = 0) -> Meter | None:
        """Write into ``body`` what ``engine`` must be asked; return the meter of its stream, or none for no stream.

        Raises a refusal (400) for what this engine cannot do or count.
        """

    def usage_of(self, answer: Json) -> Usage | None:
        """Read the usage of a whole answer."""
