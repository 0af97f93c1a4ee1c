"""Ansible callback: the task at hand in one small file, the result in another, for the converge."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]

DOCUMENTATION = """
name: freehold_recap
type: notification
short_description: Write the task at hand and the recap to files
description:
  - Writes the name of the running task to the file that FREEHOLD_TASK_FILE names.
  - Writes counts and failures as JSON to the file that FREEHOLD_RECAP_FILE names.
  - Does nothing where these are not set.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible carries no types
    """Collects failures; counts come from Ansible's own statistics."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "freehold_recap"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[dict[str, str]] = []
        self.task_count = 0

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: FBT001, ARG002  ansible's signature
        """Say which task runs now."""
        self.task_count += 1
        _write("FREEHOLD_TASK_FILE", f"{self.task_count} {task.get_name()}\n")

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """Handlers count as tasks."""
        self.v2_playbook_on_task_start(task, is_conditional=False)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001, FBT002  ansible's signature
        """Keep the failure; Ansible has already censored what is marked no_log."""
        if not ignore_errors:
            self._keep(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Keep the failure."""
        self._keep(result)

    def _keep(self, result: Any) -> None:
        self.failures.append(
            {"host": result.host.get_name(), "task": result.task.get_name(), "message": message(result.result)}
        )

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Write the recap."""
        hosts = {host: {**stats.summarize(host), "done": _done(stats, host)} for host in sorted(stats.processed)}
        recap = {"hosts": hosts, "failures": self.failures, "tasks": self.task_count}
        _write("FREEHOLD_RECAP_FILE", json.dumps(recap))


def _done(stats: Any, host: str) -> bool:
    """Whether the playbook's last task told so of this host; ``False`` for playbooks without such a task."""
    return bool(stats.custom.get(host, {}).get("freehold_done"))


def message(result: dict[str, Any]) -> str:
    """What a person wants to read of a failed result: the message, what the items said, the end of the error output."""
    parts = [str(result.get("msg") or result.get("censored") or "no message")]
    parts += [
        f"{item.get('item')}: {item.get('msg')}" for item in result.get("results", ()) if item.get("failed") is True
    ]
    for stream in ("stderr", "module_stderr", "stdout", "module_stdout"):
        if text := str(result.get(stream) or "").strip():
            parts.append(_refusals(text) or "\n".join(text.splitlines()[-5:]))
            break
    return "\n".join(parts)


def _refusals(text: str) -> str:
    """The errors that a command of Freehold's printed as JSON, in words; empty for any other output."""
    try:
        errors = json.loads(text)["errors"]
        return "\n".join(f"{one['code']} {one['subject']}: {one['found']}; fix: {one['fix']}" for one in errors)
    except (ValueError, KeyError, TypeError):
        return ""


def _write(variable: str, text: str) -> None:
    if name := os.environ.get(variable):
        draft = Path(f"{name}.draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(name)
