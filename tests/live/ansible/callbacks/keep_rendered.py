"""Ansible callback: keeps what the rendering tasks said, as JSON lines in the file that RENDERED_FILE names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]

DOCUMENTATION = """
name: keep_rendered
type: notification
short_description: Keep rendered texts
description: Writes host, path and text of each rendered file to a file.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible carries no types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "keep_rendered"

    def v2_runner_on_ok(self, result: Any) -> None:
        said = result.result
        with Path(os.environ["RENDERED_FILE"]).open("a", encoding="utf-8") as stream:
            for one in said.get("results", [said]):
                if isinstance(one.get("msg"), dict):
                    stream.write(json.dumps([result.host.get_name(), one["msg"]["path"], one["msg"]["text"]]) + "\n")
