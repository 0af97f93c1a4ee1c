"""Property values as Pulumi's engine sends them: JSON, in which secrets, assets and unknowns carry a signature.

Values are kept in that form (a *tree*), so that what is echoed into the state keeps its marks; :func:`plain` gives what
a command needs. The signatures are those of Pulumi's protocol, the same in every SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]

Tree: TypeAlias = Any
"""None, bool, float, str, a list of trees, or a dict of trees."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a mark of the protocol
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def decode(properties: struct_pb2.Struct) -> dict[str, Tree]:
    """From the message to trees."""
    decoded: dict[str, Tree] = json_format.MessageToDict(properties)
    return decoded


def encode(properties: Mapping[str, Tree]) -> struct_pb2.Struct:
    """From trees to the message."""
    return json_format.ParseDict(dict(properties), struct_pb2.Struct())


def plain(tree: Tree) -> Tree:
    """The value without the marks of secrecy."""
    if isinstance(tree, dict):
        if tree.get(SIGNATURE) == SECRET:
            return plain(tree["value"])
        return {key: plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [plain(value) for value in tree]
    return tree


def as_secret(tree: Tree) -> Tree:
    """The value with the mark of secrecy, once."""
    if isinstance(tree, dict) and tree.get(SIGNATURE) == SECRET:
        return tree
    return {SIGNATURE: SECRET, "value": tree}


def has_unknown(tree: Tree) -> bool:
    """Whether any part of the value is known only after the update."""
    if isinstance(tree, dict):
        return any(has_unknown(value) for value in tree.values())
    if isinstance(tree, list):
        return any(has_unknown(value) for value in tree)
    return bool(tree == UNKNOWN)


def secret_texts(tree: Tree, *, within: bool = False) -> Iterator[str]:
    """Every text that is, or is part of, a secret value."""
    if isinstance(tree, dict):
        marked = within or tree.get(SIGNATURE) == SECRET
        for key, value in tree.items():
            if key != SIGNATURE:
                yield from secret_texts(value, within=marked)
    elif isinstance(tree, list):
        for value in tree:
            yield from secret_texts(value, within=within)
    elif within and isinstance(tree, str):
        yield tree
