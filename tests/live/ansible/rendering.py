"""Every template of every role, rendered for every host of a site by Ansible itself, without a node.

The roles are copied with their defaults, variables and templates; of their tasks only those that render are kept, with
another destination. So a template is filled from the same places as on a node: role, playbook, inventory, document.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from freehold.paths import PROJECT

RENDERED = "rendered.jsonl"
TEMPLATE = "ansible.builtin.template"
KEPT = ("name", "vars", "loop", "loop_control", "when")
FACTS = {"distribution": "Debian", "distribution_version": "12.12", "distribution_major_version": "12"}
WELL = {"rc": 0, "stdout": "", "stderr": "", "changed": False, "stat": {"exists": True}}


def render(site: Path, document: Path, folder: Path) -> dict[str, dict[str, str]]:
    """The text of each file by host name and path on the node."""
    names = [entry.name for entry in sorted((PROJECT / "roles").iterdir()) if entry.is_dir()]
    for name in names:
        _copy_role(name, folder / "roles")
    # As site.yml lists them, with its conditions; a role that it does not list is rendered with its own inputs.
    site_roles = yaml.safe_load((PROJECT / "playbooks" / "site.yml").read_text(encoding="utf-8"))[0]["roles"]
    unlisted = [{"role": name} for name in names if name not in {one["role"] for one in site_roles}]
    # Files are read from there, by paths relative to a role or to the playbook.
    (folder / "playbooks").mkdir()
    for part in ("python", "monitoring", "playbooks/group_vars", "playbooks/templates"):
        (folder / part).symlink_to(PROJECT / part)
    play = {"hosts": "inference_nodes", "gather_facts": False, "connection": "local"}
    (folder / "playbooks" / "render.yml").write_text(yaml.safe_dump([{**play, "roles": site_roles + unlisted}]))
    _run(site, document, folder, {"ansible_become": False, "ansible_facts": FACTS, **_learned()})
    found: dict[str, dict[str, str]] = {}
    for line in (folder / RENDERED).read_text(encoding="utf-8").splitlines():
        host, path, text = json.loads(line)
        found.setdefault(host, {})[path] = text
    return found


def _copy_role(name: str, roles: Path) -> None:
    source = PROJECT / "roles" / name
    for part in ("defaults", "vars", "templates", "files"):
        if (source / part).is_dir():
            shutil.copytree(source / part, roles / name / part)
    tasks = [made for file in sorted((source / "tasks").glob("*.yml")) for made in _tasks(file)]
    (roles / name / "tasks").mkdir(parents=True)
    (roles / name / "tasks" / "main.yml").write_text(yaml.safe_dump(tasks))


def _tasks(file: Path) -> Iterator[dict[str, Any]]:
    """The lookup renders as the module does, and starts no program for it: a tenth of the time."""
    for task in _flat(yaml.safe_load(file.read_text(encoding="utf-8")) or []):
        if TEMPLATE in task:
            kept = {key: task[key] for key in KEPT if key in task}
            inputs = {**kept.get("vars", {}), "__source": task[TEMPLATE]["src"]}
            shown = {"path": task[TEMPLATE]["dest"], "text": "{{ lookup('ansible.builtin.template', __source) }}"}
            yield {**kept, "vars": inputs, "ansible.builtin.debug": {"msg": shown}}


def _flat(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        inner = [one for part in ("block", "rescue", "always") for one in task.get(part, [])]
        yield from _flat(inner)
        yield task


def _learned() -> dict[str, Any]:
    """What tasks would have learned on a node where all is well."""
    files = [yaml.safe_load(file.read_text(encoding="utf-8")) or [] for file in PROJECT.glob("roles/*/tasks/*.yml")]
    return {task["register"]: WELL for tasks in files for task in _flat(tasks) if "register" in task}


def _run(site: Path, document: Path, folder: Path, extra: Mapping[str, Any]) -> None:
    words = ["ansible-playbook", "-i", str(site), "-e", json.dumps(extra), "playbooks/render.yml"]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "FREEHOLD_"))}
    given: Mapping[str, str] = {
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(folder / "roles"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "FREEHOLD_FLEET_DOCUMENT": str(document),
        "FREEHOLD_STATE": str(folder / "state"),
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callbacks")),
        "RENDERED_FILE": str(folder / RENDERED),
    }
    words[0] = str(Path(sys.executable).with_name(words[0]))
    done = subprocess.run(words, cwd=folder, env={**env, **given}, capture_output=True, text=True, check=False)
    # A failed task is followed by all that other hosts still render.
    failed = "\n".join(part[:1500] for part in done.stdout.split("fatal: ")[1:])
    assert done.returncode == 0, failed + done.stdout[-1000:] + done.stderr[-4000:]
