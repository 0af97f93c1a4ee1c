"""Ansible's `file` is spared only where the node's own answer says that nothing is left to do."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from freehold.paths import PROJECT

SEEN = {
    "exists": True,
    "isreg": True,
    "pw_name": "root",
    "gr_name": "root",
    "mode": "0644",
    "uid": 0,
    "gid": 0,
    "size": 9,
}
WANTED = {
    "dest": "/etc/x",
    "owner": "root",
    "group": "root",
    "mode": "0644",
    "state": "file",
    "recurse": False,
    "_original_basename": "x.j2",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a playbook and our plugin beside it, as `playbooks` has it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(PROJECT / "playbooks/action_plugins", folder / "action_plugins")
    (folder / "ansible.cfg").write_text(f"[defaults]\ninterpreter_python = {sys.executable}\n")
    (folder / "x.j2").write_text("{{ 6 * 7 }}")
    template = {"src": str(folder / "x.j2"), "dest": str(folder / "x"), "mode": "0640"}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.template": template}]}
    (folder / "site.yml").write_text(json.dumps([play]))
    return folder


def play(site: Path) -> tuple[str, str]:
    """Run the playbook as a person does; its recap, and the modules that it ran."""
    words = [str(Path(sys.executable).with_name("ansible-playbook")), "-vvv", "-i", "localhost,", "-c", "local"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(site),
        "ANSIBLE_CONFIG": str(site / "ansible.cfg"),
        "LC_ALL": "C.UTF-8",
    }
    text = subprocess.run(
        [*words, "site.yml"], cwd=site, env=environment, capture_output=True, text=True, check=True
    ).stdout
    recap = next(line for line in text.splitlines() if "changed=" in line)
    return recap, " ".join(sorted(set(re.findall(r"Using module file .*/(\w+)[.]py", text))))


def test_a_template_is_written_then_left_alone_then_its_mode_is_mended(site: Path) -> None:
    """By Ansible's own program, which loads the plugin in its own way."""
    recap, modules = play(site)
    assert ("changed=1" in recap, modules) == (True, "copy stat")
    recap, modules = play(site)
    assert ("changed=0" in recap, modules) == (True, "stat")
    (site / "x").chmod(0o600)
    recap, modules = play(site)
    assert ("changed=1" in recap, modules) == (True, "file stat")
    assert ((site / "x").stat().st_mode & 0o777, (site / "x").read_text()) == (0o640, "42")


@pytest.fixture(scope="module")
def action() -> ModuleType:
    spec = importlib.util.spec_from_file_location("freehold_copy_action", PROJECT / "playbooks/action_plugins/copy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_file_that_is_as_wanted_is_left_alone(action: ModuleType) -> None:
    assert action.is_as_wanted(SEEN, WANTED)
    assert action.unchanged(SEEN, WANTED) == {
        "changed": False,
        "path": "/etc/x",
        "state": "file",
        "diff": {"before": {"path": "/etc/x"}, "after": {"path": "/etc/x"}},
        "owner": "root",
        "group": "root",
        "mode": "0644",
        "uid": 0,
        "gid": 0,
        "size": 9,
    }


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        ({"mode": "0600"}, {}),
        ({"pw_name": "daemon"}, {}),
        ({"gr_name": "daemon"}, {}),
        ({"isreg": False, "islnk": True}, {}),
        ({}, {"mode": "u=rw,go=r"}),
        ({}, {"mode": 420}),
        ({}, {"owner": 0}),
        ({}, {"setype": "etc_t"}),
        ({}, {"attributes": "+i"}),
        ({}, {"modification_time": "now"}),
    ],
)
def test_anything_else_is_for_the_module_itself(
    action: ModuleType, seen: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert not action.is_as_wanted({**SEEN, **seen}, {**WANTED, **wanted})


def test_an_option_that_is_not_set_is_no_option(action: ModuleType) -> None:
    assert action.is_as_wanted(SEEN, {**WANTED, "setype": None, "owner": None})


def test_a_template_comes_here_by_the_name_that_can_be_overridden() -> None:
    """Positive control: an Ansible that asks otherwise would run `file` again, and nobody would notice."""
    from ansible.plugins.action import template  # type: ignore[import-untyped]  # noqa: PLC0415

    assert "'ansible.legacy.copy'" in (PROJECT / template.__file__).read_text(encoding="utf-8")
