"""Runs a role here, over the local connection, on folders of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freehold.paths import PROJECT


def play(folder: Path, role: str, variables: Mapping[str, Any], *options: str, tasks: str = "main") -> str:
    """What `ansible-playbook` printed; its exit status is behind it."""
    step = {"ansible.builtin.include_role": {"name": role, "tasks_from": tasks}}
    text = json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [step]}])
    (folder / "play.yml").write_text(text)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "FREEHOLD_"))}
    given = {"ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_ROLES_PATH": str(PROJECT / "roles")}
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    extra = json.dumps({**variables, "ansible_python_interpreter": sys.executable})
    words = [program, "-i", "localhost,", "-c", "local", "-e", extra]
    done = subprocess.run(
        [*words, "play.yml", *options], cwd=folder, env=kept | given, capture_output=True, text=True, check=False
    )
    return f"{done.stdout}{done.stderr}\nexit status {done.returncode}"
