# ruff: noqa: INP001  a folder of Ansible plugins, not a package
"""Ansible action: `copy`, and so `template`, with one module run where a file is as it should be, not two.

Ansible's own asks the node what is there (stat), and where the content is right it runs `file` for owner and mode. The
first answer tells these too: where they are as wanted there is nothing to run. In every other case, and for every
option that the answer says nothing about, it goes the way of Ansible's own. `template` comes here because it asks for
the action by its overridable name; a task that names `ansible.builtin.copy` does not.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins import action  # type: ignore[import-untyped]  # ansible carries no types


def ansibles_own() -> Any:
    """The class that this one extends. By its file: Ansible loads this module under the very name of its own."""
    place = Path(action.__file__).with_name("copy.py")
    spec = importlib.util.spec_from_file_location("freehold_ansibles_own_copy", place)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018  the file is a part of ansible-core
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ActionModule


FILE = "ansible.legacy.file"

# What a stat answers, or what only matters while something is written. With any other option set, `file` runs.
ANSWERED = frozenset({"dest", "path", "owner", "group", "mode", "state"})
OF_WRITING = frozenset(
    {"_original_basename", "recurse", "follow", "force", "unsafe_writes", "modification_time_format"}
)


class ActionModule(ansibles_own()):  # type: ignore[misc]  # ansible carries no types
    """Remembers what the node answered last."""

    _seen: Mapping[str, Any] | None = None

    def _execute_remote_stat(self, *arguments: Any, **more: Any) -> Mapping[str, Any]:
        seen: Mapping[str, Any] = super()._execute_remote_stat(*arguments, **more)
        self._seen = seen
        return seen

    def _execute_module(self, module_name: str | None = None, *arguments: Any, **more: Any) -> Mapping[str, Any]:
        if module_name == FILE and self._seen is not None and is_as_wanted(self._seen, more["module_args"]):
            return unchanged(self._seen, more["module_args"])
        result: Mapping[str, Any] = super()._execute_module(module_name, *arguments, **more)
        return result


def is_as_wanted(seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether owner, group and mode of a plain file need no change; no where the stat cannot tell."""
    asked = {name for name, value in wanted.items() if value is not None and value is not False}
    if not seen.get("isreg") or asked - ANSWERED - OF_WRITING:
        return False
    told = {"owner": seen.get("pw_name"), "group": seen.get("gr_name"), "mode": seen.get("mode")}
    return all(str(wanted[name]) == str(value) for name, value in told.items() if name in asked)


def unchanged(seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the module `file` would have answered."""
    path = str(wanted.get("dest") or wanted["path"])
    names = {"owner": "pw_name", "group": "gr_name", "mode": "mode", "uid": "uid", "gid": "gid", "size": "size"}
    told = {name: seen[key] for name, key in names.items() if key in seen}
    return {
        "changed": False,
        "path": path,
        "state": "file",
        "diff": {"before": {"path": path}, "after": {"path": path}},
        **told,
    }
