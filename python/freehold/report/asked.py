"""What an address asks for: ``?range=24h&view=cost&node=gpu1``, each of them optional; anything else is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from freehold.report.gather import Request
from freehold.report.model import View
from freehold.report.span import BY_ID, DEFAULT

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?")
"""A host name. It becomes a part of a question to Prometheus, so it is nothing else."""

FILE = "file"
MOST_FIELDS = 4


class AskedError(ValueError):
    """An address that means nothing; says what it may be."""


@dataclass(frozen=True)
class Asked:
    """``is_file``: the page is to be kept, so it has no links to other pages. ``is_json``: for programs."""

    range: str = DEFAULT
    view: str = ""
    node: str = ""
    is_file: bool = False
    is_json: bool = False

    @classmethod
    def parse(cls, query: str, views: tuple[View, ...], *, is_json: bool = False) -> Asked:
        """From the part of an address after ``?``. Raises :class:`AskedError`."""
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS, strict_parsing=bool(query))
        except ValueError:
            raise AskedError("expected at most range, view, node and form, each once") from None
        said = dict(pairs)
        if len(said) != len(pairs) or set(said) - {"range", "view", "node", "form"}:
            raise AskedError("expected at most range, view, node and form, each once")
        ids = {view.id for view in views}
        _among("range", said.get("range", DEFAULT), set(BY_ID))
        _among("view", said.get("view", ""), {*ids, ""})
        _among("form", said.get("form", FILE), {FILE})
        node = said.get("node", "")
        if node and not NAME.fullmatch(node):
            raise AskedError("node: expected the name of a host")
        return cls(said.get("range", DEFAULT), said.get("view", ""), node, "form" in said, is_json)

    def request(self, views: tuple[View, ...]) -> Request:
        """What to ask Prometheus for."""
        chosen = tuple(view for view in views if self.view in {"", view.id})
        return Request(BY_ID[self.range], chosen, self.node)


def _among(name: str, found: str, known: set[str]) -> None:
    if found not in known:
        raise AskedError(f"{name}: expected one of {', '.join(sorted(known - {''}))}")
