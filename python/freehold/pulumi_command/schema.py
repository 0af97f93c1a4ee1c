"""The surface of the plugin `command` 1.2.1: every resource and function, with its inputs and outputs.

One table for the check of inputs, for the schema that tools ask for, and for the test that compares it with the SDK.
Source: the SDK's own classes, which are generated from the official schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from freehold.pulumi_command import VERSION

LOCAL = "command:local:Command"
REMOTE = "command:remote:Command"
COPY = "command:remote:CopyToRemote"
COPY_FILE = "command:remote:CopyFile"
RUN = "command:local:run"

LOGGING = ("stdout", "stderr", "stdoutAndStderr", "none")


@dataclass(frozen=True)
class Type:
    """A type of value: how the schema writes it, how a message names it, and whether a plain value is one."""

    spec: Mapping[str, Any]
    name: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True)
class Surface:
    """A resource or a function. ``replaces`` are the inputs whose change replaces the resource; None means each."""

    inputs: Mapping[str, Type]
    required: frozenset[str] = frozenset()
    outputs: Mapping[str, Type] = field(default_factory=dict)
    """What comes beside the inputs, which are outputs themselves."""
    replaces: frozenset[str] | None = frozenset({"triggers"})


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_text, value.values()))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TEXT = Type({"type": "string"}, "a string", _text)
TEXTS = Type({"type": "array", "items": TEXT.spec}, "a list of strings", _texts)
TEXT_MAP = Type({"type": "object", "additionalProperties": TEXT.spec}, "a map of strings", _text_map)
SWITCH = Type({"type": "boolean"}, "true or false", lambda value: isinstance(value, bool))
NUMBER = Type({"type": "number"}, "a number", _number)
WHOLE = Type({"type": "integer"}, "a whole number", lambda value: _number(value) and float(value).is_integer())
LIST = Type({"type": "array", "items": {"$ref": "pulumi.json#/Any"}}, "a list", lambda value: isinstance(value, list))
ASSET = Type({"$ref": "pulumi.json#/Asset"}, "a pulumi.Asset", lambda _value: True)
ARCHIVE = Type({"$ref": "pulumi.json#/Archive"}, "a pulumi.Archive", lambda _value: True)
ASSETS = Type({"type": "object", "additionalProperties": ASSET.spec}, "a map of assets", lambda _value: True)
CONNECTION = Type(
    {"$ref": "#/types/command:remote:Connection"},
    "a connection: host, port, user, …",
    lambda value: isinstance(value, dict),
)
PROXY = Type({"$ref": "#/types/command:remote:ProxyConnection"}, CONNECTION.name, CONNECTION.fits)


def _logging(module: str) -> Type:
    spec = {"$ref": f"#/types/command:{module}:Logging"}
    return Type(spec, f"one of {', '.join(LOGGING)}", lambda value: value in LOGGING)


PROXY_MEMBERS: Mapping[str, Type] = {
    **dict.fromkeys(("host", "user", "hostKey", "agentSocketPath"), TEXT),
    **dict.fromkeys(("password", "privateKey", "privateKeyPassword"), TEXT),
    "port": NUMBER,
    **dict.fromkeys(("dialErrorLimit", "perDialTimeout"), WHOLE),
}
CONNECTION_MEMBERS: Mapping[str, Type] = {**PROXY_MEMBERS, "proxy": PROXY}
CONNECTION_SECRETS = ("password", "privateKey", "privateKeyPassword")
CONNECTION_DEFAULTS: Mapping[str, Any] = {"user": "root", "port": 22.0, "dialErrorLimit": 10.0, "perDialTimeout": 15.0}

_STREAMS = {"stdout": TEXT, "stderr": TEXT}
_FOUND = {**_STREAMS, "assets": ASSETS, "archive": ARCHIVE}
_ANY_RUN = {"stdin": TEXT, "environment": TEXT_MAP, "addPreviousOutputInEnv": SWITCH}
_LOCAL_RUN = {
    **_ANY_RUN,
    "logging": _logging("local"),
    "interpreter": TEXTS,
    "dir": TEXT,
    "assetPaths": TEXTS,
    "archivePaths": TEXTS,
}
_COMMANDS = {"create": TEXT, "update": TEXT, "delete": TEXT, "triggers": LIST}
_COPIED = {"connection": CONNECTION, "triggers": LIST, "remotePath": TEXT}

RESOURCES: Mapping[str, Surface] = {
    LOCAL: Surface({**_LOCAL_RUN, **_COMMANDS}, outputs=_FOUND),
    REMOTE: Surface(
        {**_ANY_RUN, **_COMMANDS, "logging": _logging("remote"), "connection": CONNECTION},
        frozenset({"connection"}),
        _STREAMS,
    ),
    COPY: Surface({**_COPIED, "source": ASSET}, frozenset({"connection", "source", "remotePath"})),
    # It has no update: whatever changes, it is made anew.
    COPY_FILE: Surface(
        {**_COPIED, "localPath": TEXT}, frozenset({"connection", "localPath", "remotePath"}), replaces=None
    ),
}
FUNCTIONS: Mapping[str, Surface] = {RUN: Surface({**_LOCAL_RUN, "command": TEXT}, frozenset({"command"}), _FOUND)}


def document() -> dict[str, Any]:
    """The schema as Pulumi's tools read it, without descriptions."""
    return {
        "name": "command",
        "version": VERSION,
        "types": _types(),
        "resources": {kind: _resource(surface) for kind, surface in RESOURCES.items()},
        "functions": {
            kind: {"inputs": _object(surface.inputs, surface.required), "outputs": _outputs(surface)}
            for kind, surface in FUNCTIONS.items()
        },
    }


def _types() -> dict[str, Any]:
    logging = {"type": "string", "enum": [{"value": value} for value in LOGGING]}
    host = frozenset({"host"})
    return {
        **{f"command:{module}:Logging": logging for module in ("local", "remote")},
        "command:remote:Connection": _object(CONNECTION_MEMBERS, host),
        "command:remote:ProxyConnection": _object(PROXY_MEMBERS, host),
    }


def _resource(surface: Surface) -> dict[str, Any]:
    replaces = surface.replaces or frozenset()
    inputs = {name: _property(name, kind, replaces) for name, kind in surface.inputs.items()}
    return {**_outputs(surface), "inputProperties": inputs, "requiredInputs": sorted(surface.required)}


def _outputs(surface: Surface) -> dict[str, Any]:
    return _object({**surface.inputs, **surface.outputs}, surface.required | (surface.outputs.keys() & _STREAMS.keys()))


def _object(members: Mapping[str, Type], required: frozenset[str]) -> dict[str, Any]:
    properties = {name: _property(name, kind, frozenset()) for name, kind in members.items()}
    return {"type": "object", "properties": properties, "required": sorted(required)}


def _property(name: str, kind: Type, replaces: frozenset[str]) -> dict[str, Any]:
    secret = {"secret": True} if name in (*CONNECTION_SECRETS, "connection") else {}
    return {**kind.spec, **secret, **({"replaceOnChanges": True} if name in replaces else {})}
