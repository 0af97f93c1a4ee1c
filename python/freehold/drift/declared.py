"""What a converge declares, read from the results of its own tasks: a new role is covered without a list of it.

A result says what a task made sure of, whether it changed something or not. What the control host did itself
(delegated), only looked at (check mode), skipped, or must not show (``no_log``) declares nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

SCHEMA = 1
SUFFIXES = (".service", ".timer", ".socket", ".target", ".path", ".mount", ".slice")

Result = Mapping[str, Any]


class Declared:
    """What one host was told to be; the last word on a path, unit, package or account counts."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, str]] = {}
        self.units: dict[str, dict[str, bool]] = {}
        self.packages: dict[str, bool] = {}
        self.accounts: set[str] = set()
        self.removed: dict[str, None] = {}
        self.retired: set[str] = set()

    def note(self, action: str, result: Result) -> None:
        """Take up one result of the module ``action`` (with or without its collection's name)."""
        if take := READERS.get(action.rpartition(".")[2]):
            for one in items(result):
                take(self, one, arguments(one))

    def as_json(self) -> dict[str, Any]:
        """Plain data, as the node's ``baseline`` command reads it."""
        return {
            "schema": SCHEMA,
            "files": self.files,
            "units": self.units,
            "packages": self.packages,
            "accounts": sorted(self.accounts),
            "removed": list(self.removed),
            "retired": sorted(self.retired),
        }


def items(result: Result) -> Iterator[Result]:
    """The results of a loop one by one, or the one result; without those that did nothing or hide everything."""
    loop = result.get("results")
    found = loop if isinstance(loop, list) else [result]
    for one in found:
        if isinstance(one, Mapping) and not (one.get("skipped") or one.get("failed") or "censored" in one):
            yield one


def arguments(result: Result) -> Mapping[str, Any]:
    """What the module was called with."""
    found = (result.get("invocation") or {}).get("module_args")
    return found if isinstance(found, Mapping) else {}


def _file(declared: Declared, result: Result, given: Mapping[str, Any]) -> None:
    path = str(result.get("dest") or result.get("path") or given.get("dest") or given.get("path") or "").rstrip("/")
    state = result.get("state") or "file"
    if not path.startswith("/"):
        return
    if state == "absent":
        declared.files = {name: told for name, told in declared.files.items() if not _below(name, path)}
        declared.removed[path] = None
        return
    declared.removed.pop(path, None)
    declared.files[path] = _link(result) if state == "link" else _content(result, str(state))


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _link(result: Result) -> dict[str, str]:
    return {"kind": "link", "target": str(result.get("src", ""))}


def _content(result: Result, state: str) -> dict[str, str]:
    told = {"kind": "directory" if state == "directory" else "file"}
    if checksum := result.get("checksum") or result.get("checksum_dest"):
        told["sha1"] = str(checksum)
    elif result.get("changed"):
        told["changed"] = "yes"
    if mode := result.get("mode"):
        told["mode"] = str(mode)
    if result.get("owner") and result.get("group"):
        told["owner"] = f"{result['owner']}:{result['group']}"
    return told


def _unit(declared: Declared, _: Result, given: Mapping[str, Any]) -> None:
    name = given.get("name")
    if not name or given.get("scope", "system") != "system":
        return
    name = str(name) if str(name).endswith(SUFFIXES) else f"{name}.service"
    masked, state = given.get("masked"), given.get("state")
    if state == "stopped" and not masked:
        declared.units.pop(name, None)
        declared.retired.add(name)
        return
    declared.retired.discard(name)
    told = declared.units.setdefault(name, {})
    said = {"masked": masked, "enabled": given.get("enabled"), "active": state != "stopped" if state else None}
    told |= {key: bool(value) for key, value in said.items() if value is not None}


def _package(declared: Declared, _: Result, given: Mapping[str, Any]) -> None:
    names = given.get("name") or given.get("package") or ()
    for name in names.split(",") if isinstance(names, str) else names:
        bare = str(name).strip().partition("=")[0].partition(":")[0]
        if bare and "*" not in bare:
            declared.packages[bare] = given.get("state") != "absent"


def _account(declared: Declared, result: Result, given: Mapping[str, Any]) -> None:
    kind = "user" if "shell" in given else "group"
    name = f"{kind} {result.get('name') or given.get('name')}"
    (declared.accounts.discard if given.get("state") == "absent" else declared.accounts.add)(name)


Reader = Callable[[Declared, Result, Mapping[str, Any]], None]

READERS: dict[str, Reader] = {
    **dict.fromkeys(("assemble", "blockinfile", "copy", "file", "get_url", "lineinfile", "replace", "template"), _file),
    **dict.fromkeys(("service", "systemd", "systemd_service"), _unit),
    **dict.fromkeys(("apt", "package"), _package),
    **dict.fromkeys(("group", "user"), _account),
}
