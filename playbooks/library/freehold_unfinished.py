# ruff: noqa: INP001  a folder of Ansible modules, not a package
"""Ansible module: the mark that a run leaves on a node while it is unfinished."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile

DOCUMENTATION = """
module: freehold_unfinished
short_description: Mark a node while a run on it is unfinished
description:
  - The mark says who runs, on which control host, since when and what for.
  - A mark of the same lock domain is of a run that ended before its end, for its lock was free; the run goes on, and
    C(cut_off) is true. A mark of another domain is refused, for nobody can tell from here whether that run still works.
  - In check mode nothing is written.
options:
  path:
    description: The mark's file; its folder is made where there is none.
    type: path
    required: true
  holder:
    description: The run as JSON, from the callback that took the node's lock.
    type: str
    required: true
  state:
    description: C(look) only refuses; C(begun) sets the mark; C(ended) takes it away.
    choices: [look, begun, ended]
    type: str
    required: true
"""
RETURN = """
cut_off:
  description: Whether an earlier run of this control host did not get to its end.
  type: bool
"""

ELSEWHERE = """HOST_LOCKED_ELSEWHERE {host}
  found:    {found}
  expected: no unfinished run of another control host
  why:      two runs on one host would undo each other's work, and whether that one still works cannot be told from here
  fix:      wait for it to end; if it is gone for good, in the stack's environment \
(`freehold fleet env --stack STACK --state FOLDER`): freehold fleet unlock --host {host}
  changed:  nothing"""
NO_LOCK = """RUN_WITHOUT_LOCK {host}
  found:    a run that took no lock
  expected: the callback freehold_lock
  why:      two runs on one host would undo each other's work
  fix:      run ansible-playbook in Freehold's folder, with its ansible.cfg
  changed:  nothing"""


def read(path: str) -> str | None:
    """The mark's text; ``None`` where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:  # noqa: PTH123  the form of Ansible's modules
            return stream.read().strip()
    except FileNotFoundError:
        return None


def foreign(text: str | None, holder: dict) -> str:
    """Whose run the mark is of, in words; empty for none, one of this domain, and one of before marks had a text."""
    if not text:
        return ""
    try:
        found = json.loads(text)
        if found["domain"] == holder["domain"]:
            return ""
        return "{purpose} by {who} on {where}, process {process}, since {since}".format(**found)
    except (ValueError, KeyError, TypeError):
        return "a mark that cannot be read"


def begin(path: str, holder: dict) -> tuple[str | None, str]:
    """Set the mark: the text of the one before it, and whose it is if that run is not ours to continue."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)  # noqa: PTH103, PTH120  the same
    descriptor, draft = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".unfinished.")  # noqa: PTH120  the same
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(holder, sort_keys=True) + "\n")
        os.chmod(draft, 0o644)  # noqa: PTH101  the same
        # A link is made by one of two that try at once, and never over what is there.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
            return None, ""
        before = read(path)
        found = foreign(before, holder)
        if not found:
            os.replace(draft, path)  # noqa: PTH105  the same
        return before, found
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)  # noqa: PTH108  the same


def main() -> None:
    """Entry point."""
    from ansible.module_utils.basic import AnsibleModule  # noqa: PLC0415  the functions above are used without it

    choices = ["look", "begun", "ended"]
    module = AnsibleModule(
        {
            "path": {"type": "path", "required": True},
            "holder": {"type": "str", "required": True},
            "state": {"type": "str", "required": True, "choices": choices},
        },
        supports_check_mode=True,
    )
    path, host = module.params["path"], os.uname().nodename
    try:
        holder = json.loads(module.params["holder"])
    except ValueError:
        if not module.check_mode:
            module.fail_json(msg=NO_LOCK.format(host=host))
        holder = {"domain": ""}
    before = read(path)
    found = foreign(before, holder)
    if module.params["state"] == "begun" and not module.check_mode:
        before, found = begin(path, holder)
    if found:
        module.fail_json(msg=ELSEWHERE.format(host=host, found=found))
    if module.params["state"] == "ended" and before is not None and not module.check_mode:
        os.unlink(path)  # noqa: PTH108  the form of Ansible's modules
    module.exit_json(changed=False, cut_off=before is not None)


if __name__ == "__main__":
    main()
