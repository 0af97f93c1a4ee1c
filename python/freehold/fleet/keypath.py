"""Key paths of the stack configuration: how Pulumi writes them, and on which line of the file they stand."""

from __future__ import annotations

import re
import shlex

import yaml

from freehold.errors import RefusedError
from freehold.fleet.settings import NAMESPACE

KeyPath = tuple[str | int, ...]

_PLAIN = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]*$")


def written(path: KeyPath) -> str:
    """``("hosts", 0, "port")`` as the Pulumi CLI spells it: ``fleet:hosts[0].port``."""
    text = f"{NAMESPACE}:{path[0]}" if path else NAMESPACE
    for part in path[1:]:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if _PLAIN.match(part) else f'["{part}"]'
    return text


def set_command(path: KeyPath, value: object, *, secret: bool = False) -> str:
    """The exact command that sets the key; a secret is read from standard input, never an argument."""
    key = shlex.quote(written(path))
    if secret:
        return f"head -c 32 /dev/urandom | base64 -w0 | pulumi config set --secret --path {key}"
    return f"pulumi config set --path {key} {shlex.quote(str(value))}"


def remove_command(path: KeyPath) -> str:
    """The exact command that removes the key."""
    return f"pulumi config rm --path {shlex.quote(written(path))}"


def refused(code: str, path: KeyPath, found: str, *, expected: str, fix: str, why: str = "") -> RefusedError:
    """An error about one key; its path stays in ``details`` so that the line can be told later."""
    details = {"path": list(path)}
    return RefusedError(code, written(path), found, expected=expected, why=why, fix=fix, details=details)


def line_of(text: str, path: KeyPath) -> int | None:
    """The line (from 1) of the deepest part of ``path`` that the stack file holds; ``None`` if it holds none of it."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    node = _child(root, "config")
    found = None
    for part in (f"{NAMESPACE}:{path[0]}", *path[1:]) if path else ():
        key, node = _step(node, part)
        if node is None:
            break
        found = (key or node).start_mark.line + 1
    return found


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    return _step(node, key)[1]


def _step(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None, None
