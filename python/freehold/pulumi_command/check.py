"""Judges the inputs of a resource or function before anything runs; fills in the defaults that the SDK documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from freehold.pulumi_command import globs, schema, wire

Failure = tuple[str, str]
"""The property's path, and what is wrong with it."""

SOURCES = "a pulumi.FileAsset, StringAsset or FileArchive"
GLOBS = ("assetPaths", "archivePaths")

# Nothing can be reached or written by an empty one.
NEVER_EMPTY = ("host", "localPath", "remotePath")


def check(kind: str, inputs: Mapping[str, wire.Tree]) -> tuple[dict[str, wire.Tree], list[Failure]]:
    """The completed inputs of a resource or function ``kind``, and everything that is wrong with them."""
    surface = {**schema.RESOURCES, **schema.FUNCTIONS}.get(kind)
    if surface is None:
        return dict(inputs), [("", f"the plugin `command` knows no {kind}")]
    completed = dict(inputs)
    if "connection" in surface.inputs:
        completed["connection"] = _with_defaults(inputs.get("connection"))
    return completed, [*_failures(surface, {key: wire.plain(value) for key, value in completed.items()})]


def _with_defaults(connection: wire.Tree) -> wire.Tree:
    given = wire.plain(connection)
    if not isinstance(given, dict):  # missing, or not known before the update
        return connection
    return wire.as_secret(_member_defaults(given))


def _member_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """As the official plugin keeps it: the passwords and keys are marked once more within the secret connection."""
    members = {**schema.CONNECTION_DEFAULTS, **{key: value for key, value in given.items() if value is not None}}
    if isinstance(members.get("proxy"), dict):
        members["proxy"] = _member_defaults(members["proxy"])
    return {key: wire.as_secret(value) if key in schema.CONNECTION_SECRETS else value for key, value in members.items()}


def _failures(surface: schema.Surface, inputs: Mapping[str, Any]) -> Iterator[Failure]:
    yield from _members("", inputs, surface.inputs, surface.required)
    for name in GLOBS:
        value = inputs.get(name)
        if name in surface.inputs and value is not None and schema.TEXTS.fits(value) and not wire.has_unknown(value):
            yield from ((name, f"{text!r} is no glob: {wrong}") for text in value if (wrong := globs.wrong(text)))
    if inputs.get("source") is not None:
        yield from _source(inputs["source"])


def _members(
    within: str, values: Mapping[str, Any], types: Mapping[str, schema.Type], required: frozenset[str]
) -> Iterator[Failure]:
    """What is unknown, missing or of another type, also within connections; ``__…`` and `version` are the engine's."""
    for name in sorted({*values} - {*types}):
        if not name.startswith("__") and (within or name != "version"):
            yield within + name, f"unknown: one of {', '.join(sorted(types))} was expected"
    for name, kind in types.items():
        value = values.get(name)
        if value is None or (value == "" and name in NEVER_EMPTY):
            if name in required:
                yield within + name, f"missing: {kind.name} was expected"
        elif kind in (schema.CONNECTION, schema.PROXY) and isinstance(value, dict):
            members = schema.CONNECTION_MEMBERS if kind is schema.CONNECTION else schema.PROXY_MEMBERS
            yield from _members(f"{within}{name}.", value, members, frozenset({"host"}))
        elif not wire.has_unknown(value) and not kind.fits(value):
            yield within + name, f"expected {kind.name}, found {type(value).__name__}"


def _source(source: Any) -> Iterator[Failure]:
    """As the official plugin: what is copied lies on this machine, or is a text."""
    if wire.has_unknown(source):
        return
    if not isinstance(source, dict) or source.get(wire.SIGNATURE) not in (wire.ASSET, wire.ARCHIVE):
        yield "source", f"expected {SOURCES}, found {type(source).__name__}"
    elif not (source.get("path") or (source[wire.SIGNATURE] == wire.ASSET and not source.get("uri"))):
        yield "source", f"expected {SOURCES}, found one that is neither a local path nor a text"
