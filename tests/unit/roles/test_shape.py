"""Every role is a room of the same shape: where a thing lies is known before the role is opened."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.roles.role import ROLES, Role, tasks

TASK_FILES = sorted(file for path in ROLES for file in (path / "tasks").glob("*.yml"))
HELPERS = {"credentials", "python_venv", "weights", "service_sandbox", "tls"}  # roles without a service of their own
LONGEST_TASK_FILE = 75
IMPORTS = {"ansible.builtin.import_tasks", "ansible.builtin.include_tasks"}
KEYWORDS = {"name", "when", "loop", "loop_control", "register", "notify", "vars", "until", "retries", "delay"} | {
    "changed_when", "check_mode", "failed_when", "no_log", "become", "delegate_to", "environment",
}  # fmt: skip

by_file = pytest.mark.parametrize("file", TASK_FILES, ids=lambda file: f"{file.parts[-3]}/{file.name}")


def module(task: dict[str, Any]) -> str:
    (name,) = set(task) - KEYWORDS
    return name


def test_each_role_has_the_files_that_a_reader_looks_for(role: Role) -> None:
    wanted = ["README.md", "defaults/main.yml", "meta/main.yml", "meta/argument_specs.yml"]
    wanted += [f"tasks/{part}.yml" for part in ("main", "preflight", "remove")]
    assert [name for name in wanted if not (role.path / name).is_file()] == []


def test_a_role_with_a_service_installs_configures_and_runs_it_in_files_of_that_name(role: Role) -> None:
    parts = {file.stem for file in (role.path / "tasks").glob("*.yml")}
    assert role.name in HELPERS or parts >= {"install", "configure", "service"}


def test_the_first_thing_that_a_role_does_is_to_look_at_its_inputs(role: Role) -> None:
    first = next(iter(tasks(role.path / "tasks/main.yml")))
    assert first["ansible.builtin.import_tasks"] == "preflight.yml"


def test_a_preflight_only_looks(role: Role) -> None:
    first, *more = tasks(role.path / "tasks/preflight.yml")
    assert module(first) == "ansible.builtin.assert"
    assert [task["ansible.builtin.include_tasks"] for task in more] in ([], ["look.yml"])
    for task in tasks(role.path / "tasks/look.yml") if more else ():
        assert task["changed_when"] is False, task["name"]
        assert "check_mode" in task, task["name"]


def test_main_is_a_table_of_contents() -> None:
    for path in ROLES:
        others = {module(task) for task in tasks(path / "tasks/main.yml")} - IMPORTS
        # A set that is right already costs python_venv two looks, before it opens the file that builds.
        looks = {"ansible.builtin.stat", "ansible.builtin.find"} if path.name == "python_venv" else set()
        assert others <= looks, path.name


@by_file
def test_a_file_of_tasks_fits_on_a_page(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST_TASK_FILE


@by_file
def test_nothing_is_ignored_and_no_shell_is_used(file: Path) -> None:
    for task in tasks(file):
        assert "ignore_errors" not in task, task["name"]
        assert module(task) not in {"ansible.builtin.shell", "ansible.builtin.raw", "ansible.builtin.set_fact"}


@by_file
def test_a_command_says_when_it_changed_something(file: Path) -> None:
    for task in tasks(file):
        if module(task) == "ansible.builtin.command":
            assert "changed_when" in task or "creates" in task["ansible.builtin.command"], task["name"]


@by_file
def test_a_file_on_the_node_has_an_owner_and_a_mode_that_were_meant(file: Path) -> None:
    writers = {f"ansible.builtin.{name}" for name in ("copy", "template", "get_url")}
    for task in tasks(file):
        made = module(task)
        folder = made == "ansible.builtin.file" and task[made].get("state") == "directory"
        if made in writers or folder:
            assert {"owner", "group", "mode"} <= set(task[made]), task["name"]


@by_file
def test_what_a_task_remembers_carries_the_roles_name(file: Path) -> None:
    prefix = f"__{file.parts[-3]}_"
    for task in tasks(file):
        remembered = [task[key] for key in ("register",) if key in task]
        remembered += [task["loop_control"]["loop_var"]] if "loop" in task else []
        assert [name for name in remembered if not name.startswith(prefix)] == [], task["name"]


def test_internals_carry_two_underscores_and_the_roles_name(role: Role) -> None:
    file = role.path / "vars/main.yml"
    names = list(yaml.safe_load(file.read_text(encoding="utf-8"))) if file.is_file() else []
    assert [name for name in names if not name.startswith(f"__{role.name}_")] == []


def test_a_file_on_the_node_says_who_wrote_it_and_not_when(role: Role) -> None:
    for template in (role.path / "templates").glob("*.j2"):
        text = template.read_text(encoding="utf-8")
        # JSON has no comments.
        assert template.name.endswith(".json.j2") or "{{ ansible_managed }}" in text.splitlines()[0], template
        assert "ansible_date_time" not in text
        assert "now()" not in text
