"""What every mapping of the configuration is, and how those inside it are found: for errors, and for docs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One mapping of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def holder(root: type[Section], path: tuple[str | int, ...]) -> tuple[type[Section], str]:
    """The section that the last named part of ``path`` can be explained by, and that part's name in it.

    Keys that the user chooses, and indices, are stepped over: ``("frontier", "providers", 0, "url")`` is ``url`` of a
    provider.
    """
    section, name = root, str(path[0])
    for part in path:
        if not isinstance(part, str):
            continue
        if part in section.model_fields:
            name = part
            found = inner(section, part)
            if found is None or part == path[-1]:
                return section, name
            section = found
        elif part == path[-1]:
            return section, part
    return section, name


def inner(section: type[Section], name: str) -> type[Section] | None:
    """The section that a field holds, be it alone, in a list or in a mapping."""
    return next(_sections(section.model_fields[name].annotation), None)


def form(section: type[Section], name: str) -> str:
    """``[]`` for a list of sections, ``.*`` for a mapping from names of the user's to sections, else nothing."""
    origin = get_origin(section.model_fields[name].annotation)
    if origin is tuple:
        return "[]"
    return ".*" if origin is dict else ""


def _sections(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)
