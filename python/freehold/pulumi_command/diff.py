"""What changed between the inputs of the last run and the new ones, and whether that means a replacement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from freehold.pulumi_command import schema, wire

Kinds = Mapping[str, str]
"""From the path of a property to ``ADD``, ``DELETE`` or ``UPDATE``, with ``_REPLACE`` where that is what follows."""

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def changes(resource: str, old: Mapping[str, wire.Tree], new: Mapping[str, wire.Tree]) -> Kinds:
    """Every changed property; what the engine adds for itself (``__…``, ``version``) is no input of the command."""
    replacing = schema.RESOURCES[resource].replaces
    return {
        path: kind + "_REPLACE" if replacing is None or _name(path) in replacing else kind
        for path, kind in _walk("", _own(old), _own(new))
    }


def names(paths: Iterable[str]) -> list[str]:
    """The inputs that the paths lead into."""
    return sorted({*map(_name, paths)})


def _name(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _own(inputs: Mapping[str, wire.Tree]) -> dict[str, wire.Tree]:
    return {key: value for key, value in inputs.items() if not key.startswith("__") and key != "version"}


def _walk(path: str, old: wire.Tree, new: wire.Tree) -> Iterator[tuple[str, str]]:
    if _comparable(old) == _comparable(new):
        return
    if _is_map(old) and _is_map(new):
        for key in sorted({*old, *new}):
            yield from _pair(_child(path, key), old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _pair(f"{path}[{index}]", _at(old, index), _at(new, index))
    else:
        yield path, "UPDATE"


def _pair(path: str, old: wire.Tree, new: wire.Tree) -> Iterator[tuple[str, str]]:
    if old is None and new is not None:
        yield path, "ADD"
    elif new is None and old is not None:
        yield path, "DELETE"
    else:
        yield from _walk(path, old, new)


def _comparable(tree: wire.Tree) -> wire.Tree:
    """Assets are their digests, wherever they lie. Within a secret all is secret, whether marked once more or not."""
    if isinstance(tree, list):
        return [*map(_comparable, tree)]
    if not isinstance(tree, dict):
        return tree
    mark = tree.get(wire.SIGNATURE)
    if mark == wire.SECRET:
        return {wire.SIGNATURE: mark, "value": _comparable(wire.plain(tree["value"]))}
    if mark in (wire.ASSET, wire.ARCHIVE) and tree.get("hash"):
        return {wire.SIGNATURE: mark, "hash": tree["hash"]}
    return {key: _comparable(value) for key, value in tree.items()}


def _is_map(tree: wire.Tree) -> bool:
    """A dict of properties; a secret or an asset is compared as a whole, its marks included."""
    return isinstance(tree, dict) and wire.SIGNATURE not in tree


def _at(items: list[wire.Tree], index: int) -> wire.Tree:
    return items[index] if index < len(items) else None


def _child(path: str, key: str) -> str:
    if not _NAME.match(key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key
