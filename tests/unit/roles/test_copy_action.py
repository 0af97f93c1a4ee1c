"""Ansible's `file` is spared only where the node's own answer says that nothing is left to do."""

import importlib.util
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
