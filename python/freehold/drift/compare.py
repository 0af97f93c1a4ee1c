"""What differs between a baseline and a node: pure functions from two sets of plain data to named items."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

SHOWN_HEX = 12  # enough to tell two apart, too little to guess what was digested
ABSENT = "absent"
UNIT_FOLDER = "/etc/systemd/system/"
RUNNING = {"active", "reloading"}

Item = dict[str, str]


def items(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[Item]:
    """Everything that differs, in the order of kind and name."""
    plain = {"packages": "package", "sysctl": "sysctl", "firewall": "firewall", "accounts": "user"}
    all_items = [*_files(wanted["files"], found["files"]), *_units(wanted["units"], found["units"])]
    for part, kind in plain.items():
        all_items += _plain(kind, wanted[part], found[part])
    return sorted(all_items, key=lambda item: (item["kind"], item["name"]))


def _item(kind: str, name: str, wanted: str, found: str) -> Item:
    return {"kind": kind, "name": name, "wanted": _short(wanted) or ABSENT, "found": _short(found) or ABSENT}


def _short(text: str) -> str:
    return re.sub(r"(sha\d+:[0-9a-f]{12})[0-9a-f]+", r"\1", text)


def _plain(kind: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Item]:
    for name in sorted(set(wanted) | set(found)):
        if wanted.get(name, "") != found.get(name, ""):
            yield _item(kind, name, wanted.get(name, ""), found.get(name, ""))


def _files(wanted: Mapping[str, Mapping[str, str]], found: Mapping[str, Mapping[str, str]]) -> Iterator[Item]:
    for name, told in wanted.items():
        seen = found.get(name, {})
        other_kind = told["kind"] != seen.get("kind")
        keys = ["kind"] if other_kind else [key for key in told if told[key] != seen.get(key)]
        if keys:
            kind = "unit" if name.startswith(UNIT_FOLDER) else "file"
            yield _item(kind, name, _said(told, keys), _said(seen, keys))


def _said(told: Mapping[str, str], keys: list[str]) -> str:
    words = {"digest": "content ", "mode": "mode ", "owner": "owner ", "target": "link to ", "kind": "a "}
    return ", ".join(f"{words[key]}{told[key]}" for key in keys if key in told)


def _units(wanted: Mapping[str, Mapping[str, Any]], found: Mapping[str, Mapping[str, Any]]) -> Iterator[Item]:
    for name, told in wanted.items():
        seen = found[name]
        pairs = [*_states(told, seen), *_parts(told["parts"], seen["parts"])]
        pairs += [("", f"with {path}") for path in seen["foreign"]]
        if pairs:
            words = [", ".join(word for word in side if word) for side in zip(*pairs, strict=True)]
            yield _item("unit", name, words[0] or "nothing beside it", words[1])


def _states(told: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if told.get("active") is not None and told["active"] != (seen["active"] in RUNNING):
        yield "active" if told["active"] else "not active", seen["active"]
    if told.get("masked", False) != seen["masked"]:
        yield ("not masked", "masked") if seen["masked"] else ("masked", "not masked")
    elif told.get("enabled") is not None and told["enabled"] != seen["enabled"]:
        yield ("enabled", "disabled") if told["enabled"] else ("disabled", "enabled")


def _parts(told: Mapping[str, str], seen: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path in sorted(set(told) | set(seen)):
        if told.get(path) != seen.get(path):
            yield f"{path} {told.get(path, ABSENT)}", f"{path} {seen.get(path, ABSENT)}"
