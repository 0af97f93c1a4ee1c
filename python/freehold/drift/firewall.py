"""The live ruleset of Freehold's own nftables tables, without what changes by itself (libnftables-json(5))."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from freehold.drift.reading import Machine

PREFIX = "freehold"
CHANGING = {"handle", "packets", "bytes", "used", "expires"}


def read(machine: Machine) -> dict[str, str]:
    """``inet freehold_input chain input`` to a count of its statements and their digest; empty without nft."""
    try:
        listed = json.loads(machine.run(["nft", "--json", "list", "ruleset"]))["nftables"]
    except FileNotFoundError:
        return {}
    found: dict[str, list[Any]] = {}
    for entry in listed:
        ((kind, body),) = entry.items()
        if str(body.get("table", body.get("name", ""))).startswith(PREFIX):
            found.setdefault(_name(kind, body), []).append(still(kind, body))
    return {name: _digest(statements) for name, statements in sorted(found.items())}


def live(machine: Machine) -> dict[str, str]:
    """As :func:`read`, to be compared: an ``nft`` that cannot tell is a difference with its reason, and no end."""
    try:
        return read(machine)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return {"the live ruleset": f"cannot be read: {error}"}


def _name(kind: str, body: dict[str, Any]) -> str:
    if kind == "table":
        return f"{body['family']} {body['name']}"
    holder = ("chain", body["chain"]) if kind == "rule" else (kind, body.get("name", ""))
    return f"{body['family']} {body['table']} {' '.join(holder)}"


def still(kind: str, body: dict[str, Any]) -> Any:
    """A statement without handles and counts; a set that fills by itself without its elements."""
    fills = kind == "set" and {"timeout", "dynamic"} & set(body.get("flags", ()))
    kept = {key: value for key, value in body.items() if not (fills and key == "elem")}
    return [kind, _without(kept)]


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key not in CHANGING}
    return [_without(inner) for inner in value] if isinstance(value, list) else value


def _digest(statements: list[Any]) -> str:
    text = json.dumps(statements, sort_keys=True).encode()
    return f"{len(statements)} statements, sha256:{hashlib.sha256(text).hexdigest()}"
