"""OpenAI's embeddings."""

from __future__ import annotations

from freehold.gateway.api import checks, usages
from freehold.gateway.api.base import ApiLimits, Json, Meter
from freehold.gateway.api.costs import worst_case
from freehold.gateway.api.forms import OPENAI, Form
from freehold.gateway.refusals import malformed
from freehold.gateway.usage import Usage

MAXIMUM_TEXTS = 2048
MAXIMUM_DIMENSIONS = 65_536
FORMATS = (None, "float", "base64")


class Embeddings:
    """``/v1/embeddings``."""

    path = "/v1/embeddings"
    kind = "embedding"
    operation = "embeddings"
    form: Form = OPENAI

    def check(self, body: Json, limits: ApiLimits) -> None:
        """Raise a refusal (400). vLLM would also take ``messages``, pictures and all: here a text is a text."""
        del limits
        checks.common(body)
        checks.prompt(body, "input", MAXIMUM_TEXTS)
        checks.integer(body, "dimensions", 1, MAXIMUM_DIMENSIONS)
        for name in ("messages", "content"):
            if name in body:
                raise malformed("Embeddings are made of input.", param=name)
        if body.get("encoding_format") not in FORMATS:
            raise malformed("encoding_format must be float or base64.", param="encoding_format")

    def worst_case(self, body: Json, context: int) -> Usage:
        """Return an upper bound; nothing is written."""
        told = body.get("input")
        return worst_case(body, context, several=len(told) if isinstance(told, list) else 1)

    def prepare(self, body: Json, engine: str, context: int = 0) -> Meter | None:
        """Take what means nothing here away."""
        del engine, context
        body.pop("stream", None)
        return None

    def usage_of(self, answer: Json) -> Usage | None:
        """Read ``usage``."""
        return usages.of_openai(answer)
