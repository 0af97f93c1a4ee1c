"""Ansible callback: notes what each host is told to be, for the role `drift`, whose last task hands it to the node."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]

from freehold.drift.declared import Declared

DOCUMENTATION = """
name: freehold_declared
type: notification
short_description: Note what tasks declare, for the drift baseline
description:
  - Before a task of the role C(drift) it writes C(HOST.declared.json) into the folder FREEHOLD_DECLARED_FOLDER.
  - Where that is not set, it makes a private folder for the run, sets the variable, and removes the folder at the end.
"""

FOLDER = "FREEHOLD_DECLARED_FOLDER"
ROLE = "drift"


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible carries no types
    """One :class:`Declared` a host."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "freehold_declared"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        self.declared: dict[str, Declared] = {}
        self.own_folder = ""

    def v2_playbook_on_start(self, playbook: Any) -> None:  # noqa: ARG002  ansible's signature
        """Make sure that there is a folder; workers inherit the variable, and a role looks it up."""
        if not os.environ.get(FOLDER):
            self.own_folder = os.environ[FOLDER] = tempfile.mkdtemp(prefix="freehold-declared-")

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note what the task made sure of."""
        task = result.task
        if not (task.delegate_to or task.check_mode):
            self.declared.setdefault(result.host.get_name(), Declared()).note(task.action, result.result)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: FBT001, ARG002  ansible's signature
        """Before the role's tasks: what came before them is complete."""
        if task._role is not None and task._role.get_name() == ROLE:  # noqa: SLF001  ansible has no public way
            for host, declared in self.declared.items():
                file = Path(os.environ[FOLDER]) / f"{host}.declared.json"
                file.write_text(json.dumps(declared.as_json()), encoding="utf-8")

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002  ansible's signature
        """Leave nothing behind."""
        if self.own_folder:
            shutil.rmtree(self.own_folder, ignore_errors=True)
            del os.environ[FOLDER]
