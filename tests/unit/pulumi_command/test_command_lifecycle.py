from __future__ import annotations

from typing import Any

import pytest

from freehold.pulumi_command import check, wire
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
        self.lifecycle = Lifecycle(workers=dict.fromkeys(check.RESOURCES, self._work))

    def _work(self, task: Task) -> Output:
        self.tasks.append(task)
        if isinstance(self._answer, CommandError):
            raise self._answer
        return self._answer

    def create(self, kind: str = check.LOCAL, *, preview: bool = False, **inputs: Any) -> Any:
        return self.lifecycle.create(kind, "name", inputs, self.logged.append, timeout=7, preview=preview)

    def update(self, old: dict[str, Any], *, kind: str = check.LOCAL, preview: bool = False, **inputs: Any) -> Any:
        return self.lifecycle.update(kind, old, inputs, self.logged.append, timeout=7, preview=preview)

    def delete(self, old: dict[str, Any], kind: str = check.LOCAL) -> None:
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


@pytest.mark.parametrize("kind", [check.LOCAL, check.REMOTE])
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
    assert world.create(check.COPY, **first).properties == first
    world.update(first, kind=check.COPY, **first)
    assert len(world.tasks) == 1
    world.update(first, kind=check.COPY, **{**first, "source": source("2")})
    world.update(first, kind=check.COPY, **{**first, "remotePath": "/b"})
    assert len(world.tasks) == 3
    world.delete(first, check.COPY)
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
