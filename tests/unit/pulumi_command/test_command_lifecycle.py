from __future__ import annotations

from typing import Any

import pytest

from freehold.pulumi_command import schema, wire
from freehold.pulumi_command.lifecycle import Lifecycle
from freehold.pulumi_command.work import CommandError, Output, Task

SAID = Output("said", "warned")
CONNECTION = {"host": "h"}


class World:
    """Remembers the tasks that it was given; ``answer`` is what each of them says."""

    def __init__(self, answer: Output | CommandError = SAID) -> None:
        self.tasks: list[Task] = []
        self.logged: list[str] = []
        self._answer = answer
        self.lifecycle = Lifecycle(workers=dict.fromkeys([*schema.RESOURCES, *schema.FUNCTIONS], self._work))

    def _work(self, task: Task) -> Output:
        self.tasks.append(task)
        if isinstance(self._answer, CommandError):
            raise self._answer
        return self._answer

    def create(self, kind: str = schema.LOCAL, *, preview: bool = False, **inputs: Any) -> Any:
        return self.lifecycle.create(kind, "name", inputs, self.logged.append, timeout=7, preview=preview)

    def update(self, old: dict[str, Any], *, kind: str = schema.LOCAL, preview: bool = False, **inputs: Any) -> Any:
        return self.lifecycle.update(kind, old, inputs, self.logged.append, timeout=7, preview=preview)

    def delete(self, old: dict[str, Any], kind: str = schema.LOCAL) -> None:
        self.lifecycle.delete(kind, old, self.logged.append, timeout=7)

    @property
    def commands(self) -> list[str]:
        return [task.command for task in self.tasks]


@pytest.fixture
def world() -> World:
    return World()


def test_create_keeps_the_inputs_and_adds_the_outputs(world: World) -> None:
    created = world.create(create="run", stdin="x")
    assert created.identity.startswith("name")
    assert created.properties == {"create": "run", "stdin": "x", "stdout": "said", "stderr": "warned"}
    assert world.tasks[0].timeout == 7


def test_two_creations_have_two_identities(world: World) -> None:
    assert world.create(create="run").identity != world.create(create="run").identity


def test_without_create_nothing_runs(world: World) -> None:
    assert world.create(delete="end").properties == {"delete": "end", "stdout": "", "stderr": ""}
    assert world.commands == []


@pytest.mark.parametrize("kind", [schema.LOCAL, schema.REMOTE])
def test_a_preview_runs_nothing_and_its_outputs_are_unknown(world: World, kind: str) -> None:
    created = world.create(kind, preview=True, create="run")
    updated = world.update({"stdout": "old"}, kind=kind, preview=True, create="run")
    for properties in (created.properties, updated):
        assert properties == {"create": "run", "stdout": wire.UNKNOWN, "stderr": wire.UNKNOWN}
    assert world.commands == []


@pytest.mark.parametrize(
    ("inputs", "ran"), [({"create": "c", "update": "u"}, ["u"]), ({"create": "c"}, ["c"]), ({"delete": "d"}, [])]
)
def test_update_runs_update_or_else_create(world: World, inputs: dict[str, Any], ran: list[str]) -> None:
    properties = world.update({"stdout": "before", "stderr": ""}, **inputs)
    assert world.commands == ran
    assert properties["stdout"] == ("said" if ran else "before")


def test_update_and_delete_know_the_previous_output(world: World) -> None:
    old = {"delete": "d", "stdout": wire.as_secret("out"), "stderr": "err"}
    world.update(old, update="u")
    world.delete(old)
    assert world.commands == ["u", "d"]
    assert {task.previous for task in world.tasks} == {Output("out", "err")}


def test_delete_without_a_command_runs_nothing(world: World) -> None:
    world.delete({"create": "c", "stdout": "", "stderr": ""})
    assert world.commands == []


def source(digest: str) -> dict[str, str]:
    return {wire.SIGNATURE: wire.ASSET, "hash": digest, "path": "file"}


def test_a_copy_happens_at_creation_and_when_source_or_path_change(world: World) -> None:
    first: dict[str, Any] = {"connection": CONNECTION, "source": source("1"), "remotePath": "/a"}
    assert world.create(schema.COPY, **first).properties == first
    world.update(first, kind=schema.COPY, **first)
    assert len(world.tasks) == 1
    world.update(first, kind=schema.COPY, **{**first, "source": source("2")})
    world.update(first, kind=schema.COPY, **{**first, "remotePath": "/b"})
    assert len(world.tasks) == 3
    world.delete(first, schema.COPY)
    assert len(world.tasks) == 3


def test_an_output_that_repeats_a_secret_becomes_secret() -> None:
    world = World(Output("the key is hunter22", "fine"))
    properties = world.create(create="c", environment={"K": wire.as_secret("hunter22")}).properties
    assert properties["stdout"] == wire.as_secret("the key is hunter22")
    assert properties["stderr"] == "fine"


def test_secrets_stay_out_of_the_log_and_of_errors() -> None:
    world = World(CommandError("refused hunter22"))
    with pytest.raises(CommandError, match=r"refused \[secret\]"):
        world.create(create="c", stdin=wire.as_secret("hunter22"))
    world.tasks[0].log("with hunter22")
    assert world.logged == ["with [secret]"]


def test_commands_get_plain_values(world: World) -> None:
    world.create(create=wire.as_secret("run"), environment=wire.as_secret({"K": "v"}))
    assert world.commands == ["run"]
    assert world.tasks[0].inputs["environment"] == {"K": "v"}


def test_a_file_is_copied_once_and_has_no_name_in_its_identity(world: World) -> None:
    inputs: dict[str, Any] = {"connection": CONNECTION, "localPath": "a", "remotePath": "/a"}
    created = world.create(schema.COPY_FILE, **inputs)
    assert created.properties == inputs
    assert len(bytes.fromhex(created.identity)) == 4
    world.delete(inputs, schema.COPY_FILE)
    assert len(world.tasks) == 1


def test_a_function_runs_its_command_and_gives_back_what_it_was_given(world: World) -> None:
    inputs = {"command": "run", "stdin": wire.as_secret("said")}
    returned = world.lifecycle.invoke(schema.RUN, inputs, world.logged.append)
    assert returned == {**inputs, "stdout": wire.as_secret("said"), "stderr": "warned"}
    assert world.commands == ["run"]


FOUND = {"assets": {"a": source("1")}}


def test_files_that_a_command_left_are_outputs_beside_what_it_said() -> None:
    properties = World(Output("said", "", FOUND)).create(create="c", assetPaths=["a"]).properties
    assert properties == {"create": "c", "assetPaths": ["a"], "stdout": "said", "stderr": "", **FOUND}


def test_files_of_the_last_run_go_when_an_update_looks_for_none(world: World) -> None:
    """The engine shows a plugin old assets without their contents, and the SDK cannot read such ones."""
    assert "assets" not in world.update({"stdout": "", **FOUND}, update="u")
    assert "assets" not in world.update({"stdout": "", **FOUND})
