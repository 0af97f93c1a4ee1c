"""All protocols by their paths, and the list of models in each family's form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from freehold.gateway.api.base import Api
from freehold.gateway.api.chat import ChatCompletions, Completions
from freehold.gateway.api.embeddings import Embeddings
from freehold.gateway.api.messages import CountTokens, Messages
from freehold.gateway.api.responses import Responses
from freehold.gateway.config import Model

Json = dict[str, Any]

APIS: dict[str, Api] = {
    api.path: api for api in (ChatCompletions(), Completions(), Responses(), Embeddings(), Messages(), CountTokens())
}
"""They hold no state."""

EPOCH = "1970-01-01T00:00:00Z"
FREEHOLD = "freehold"


@dataclass(frozen=True)
class Listed:
    """A name that a caller may ask for: the model under that name, and whose it is."""

    model: Model
    owner: str = FREEHOLD


def listing(models: Sequence[Listed], *, anthropic: bool) -> Json:
    """Return the answer of ``/v1/models``."""
    data = [described(model, anthropic=anthropic) for model in models]
    if not anthropic:
        return {"object": "list", "data": data}
    ends = [data[0]["id"], data[-1]["id"]] if data else [None, None]
    return {"data": data, "has_more": False, "first_id": ends[0], "last_id": ends[1]}


def described(listed: Listed, *, anthropic: bool) -> Json:
    """Return one model. The time of creation is the epoch: clients want one, and it must not change with a start."""
    model = listed.model
    if anthropic:
        said = {"type": "model", "id": model.name, "display_name": model.name, "created_at": EPOCH}
        return said | {"lifecycle": "active", "max_input_tokens": model.context or None}
    return {
        "id": model.name,
        "object": "model",
        "created": 0,
        "owned_by": listed.owner,
        "kind": model.kind,
        "context": model.context,
    }
