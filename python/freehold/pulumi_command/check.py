"""Judges the inputs of a resource before anything runs, and fills in the defaults that the SDK documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from freehold.pulumi_command import wire

LOCAL = "command:local:Command"
REMOTE = "command:remote:Command"
COPY = "command:remote:CopyToRemote"
RESOURCES = (LOCAL, REMOTE, COPY)

LOGGING = ("stdout", "stderr", "stdoutAndStderr", "none")

CONNECTION_DEFAULTS: Mapping[str, Any] = {"user": "root", "port": 22.0, "dialErrorLimit": 10.0, "perDialTimeout": 15.0}

OFFICIAL_PLUGIN = "or install the official plugin `command` 1.2.1 into ~/.pulumi/plugins and run again"

# What the SDK knows and the stand-in does not, with the way around it.
NOT_IMPLEMENTED: Mapping[str, str] = {
    "assetPaths": "read the files in the program instead",
    "archivePaths": "read the files in the program instead",
    "connection.proxy": "connect from a host that reaches the node directly",
    "connection.agentSocketPath": "pass the key's text as connection.privateKey",
}

Failure = tuple[str, str]
"""The property's path, and what is wrong with it."""


def check(kind: str, inputs: Mapping[str, wire.Tree]) -> tuple[dict[str, wire.Tree], list[Failure]]:
    """The completed inputs of a resource of ``kind``, and everything that is wrong with them."""
    if kind not in RESOURCES:
        return dict(inputs), [("", not_implemented(f"resource {kind}", "use command:remote:CopyToRemote"))]
    completed = dict(inputs)
    if kind != LOCAL:
        completed["connection"] = _with_defaults(inputs.get("connection"))
    return completed, [*_failures(kind, {key: wire.plain(value) for key, value in completed.items()})]


def not_implemented(what: str, instead: str) -> str:
    """The one sentence for everything that only the official plugin can do."""
    return f"{what} is not implemented by Freehold's stand-in for the plugin `command`: {instead}, {OFFICIAL_PLUGIN}"


def _with_defaults(connection: wire.Tree) -> wire.Tree:
    given = wire.plain(connection)
    if not isinstance(given, dict):  # missing, or not known before the update
        return connection
    # Marks inside the connection are of no use: all of it is secret.
    return wire.as_secret({**CONNECTION_DEFAULTS, **{key: value for key, value in given.items() if value is not None}})


def _failures(kind: str, inputs: Mapping[str, Any]) -> Iterator[Failure]:
    for path, instead in NOT_IMPLEMENTED.items():
        outer, _, inner = path.partition(".")
        value = inputs.get(outer)
        if (value.get(inner) if inner and isinstance(value, dict) else value if not inner else None) is not None:
            yield path, not_implemented(path, instead)
    for name, (fits, expected) in _TYPES[kind].items():
        value = inputs.get(name)
        if value is not None and not wire.has_unknown(value) and not fits(value):
            yield name, f"expected {expected}, found {type(value).__name__}"
    yield from _required(kind, inputs)


def _required(kind: str, inputs: Mapping[str, Any]) -> Iterator[Failure]:
    if kind != LOCAL:
        connection = inputs.get("connection")
        if connection is None or (isinstance(connection, dict) and not connection.get("host")):
            yield "connection.host", "missing: the address of the host to connect to"
    if kind == COPY:
        if not inputs.get("remotePath"):
            yield "remotePath", "missing: the path on the host to copy to"
        yield from _source(inputs.get("source"))


def _source(source: Any) -> Iterator[Failure]:
    if source is None:
        yield "source", "missing: a pulumi.FileAsset, StringAsset or FileArchive"
    elif wire.has_unknown(source):
        return
    elif not isinstance(source, dict) or source.get(wire.SIGNATURE) not in (wire.ASSET, wire.ARCHIVE):
        yield "source", "expected a pulumi.FileAsset, StringAsset or FileArchive"
    elif not (source.get("path") or (source[wire.SIGNATURE] == wire.ASSET and "text" in source)):
        yield "source", not_implemented("a source that is neither a local path nor a text", "use a FileAsset")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_text, value.values()))


Rule = tuple[Callable[[Any], bool], str]

_COMMAND: Mapping[str, Rule] = {
    **dict.fromkeys(("create", "update", "delete", "stdin"), (_text, "a string")),
    "environment": (_text_map, "a map of strings"),
    "addPreviousOutputInEnv": (lambda value: isinstance(value, bool), "true or false"),
    "logging": (lambda value: value in LOGGING, f"one of {', '.join(LOGGING)}"),
    "triggers": (lambda value: isinstance(value, list), "a list"),
}
_CONNECTION: Rule = (lambda value: isinstance(value, dict), "a connection: host, port, user, …")

_TYPES: Mapping[str, Mapping[str, Rule]] = {
    LOCAL: {**_COMMAND, "interpreter": (_texts, "a list of strings"), "dir": (_text, "a string")},
    REMOTE: {**_COMMAND, "connection": _CONNECTION},
    COPY: {"triggers": _COMMAND["triggers"], "remotePath": (_text, "a string"), "connection": _CONNECTION},
}
