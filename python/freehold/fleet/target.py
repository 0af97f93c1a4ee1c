"""Which fleet a command is about: what it was given, else what `freehold fleet env --stack` set, else the lab's.

The command line's options and these variables have the same order everywhere, so that one line in a shell
(``eval "$(freehold fleet env --stack rack1 --state FOLDER)"``) makes every command the stack's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freehold.errors import RefusedError
from freehold.paths import PROJECT, lab_paths

DOCUMENT = "FREEHOLD_FLEET_DOCUMENT"
PRIVATE_KEY = "FREEHOLD_PRIVATE_KEY_FILE"
KEYS = "FREEHOLD_KEYS_FOLDER"
STACK = "FREEHOLD_STACK"
PULUMI = "FREEHOLD_PULUMI_FOLDER"
CLIENT_KEY = "FREEHOLD_CLIENT_KEY_FILE"
"""A key of the gateway for the probe of `freehold status`. A file that only the user knows, so nothing else sets it."""

STACK_FILES = PROJECT / "stacks" / "fleet"
NAMED_BY = {"site": ("fleet:site",), PRIVATE_KEY: ("fleet:access", "private_key_file"), KEYS: ("fleet:keys", "folder")}
"""Where a stack file says them."""


def document(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The exported fleet document."""
    return _named(given, DOCUMENT, environ) or lab_paths().export / "fleet.json"


def private_key(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The operator's SSH key."""
    return _named(given, PRIVATE_KEY, environ) or lab_paths().ssh / "id_ed25519"


def keys_folder(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """The key hierarchy."""
    return _named(given, KEYS, environ) or lab_paths().keys


def client_key(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """A file with a key of the gateway."""
    return _named(given, CLIENT_KEY, environ) or lab_paths().secrets / "operator-key"


def _named(given: Path | None, variable: str, environ: Mapping[str, str]) -> Path | None:
    name = environ.get(variable)
    return given or (Path(name).expanduser() if name else None)


def of_stack(stack: str, pulumi: Path, folder: Path | None = None) -> dict[str, str]:
    """The variables for a stack, from its file in ``folder`` (default: the program's); raises :class:`RefusedError`."""
    from freehold.fleet.record import state_folder  # noqa: PLC0415  it knows more than a default needs

    file = (folder or STACK_FILES) / f"Pulumi.{stack}.yaml"
    config = _config(file)
    said = {name: _value(config, keys) for name, keys in NAMED_BY.items()}
    if not said["site"]:
        raise _refused(file, "no fleet:site")
    paths = {name: str(Path(value).expanduser()) for name, value in said.items() if value and name != "site"}
    export = state_folder(said["site"]).absolute() / "export" / "fleet.json"
    return {**paths, STACK: stack, PULUMI: str(pulumi.expanduser().absolute()), DOCUMENT: str(export)}


def _config(file: Path) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415  a command that only needs a default does not read one

    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
    except FileNotFoundError:
        raise _refused(file, "no such file") from None
    except (yaml.YAMLError, UnicodeError, KeyError, TypeError):
        raise _refused(file, "no mapping `config:`") from None
    return config if isinstance(config, Mapping) else {}


def _value(config: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    found: Any = config
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""


def _refused(file: Path, found: str) -> RefusedError:
    return RefusedError(
        "STACK_FILE",
        str(file),
        found,
        expected="the stack's file, with fleet:site and fleet:access",
        why="it says where the stack's document and the operator's key are",
        fix="cp stacks/fleet/Pulumi.example.yaml stacks/fleet/Pulumi.STACK.yaml, and set what is yours",
    )
