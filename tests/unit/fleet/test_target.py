"""One line in a shell makes every command the stack's: document, keys, stack and state are named by the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from freehold.cli import build
from freehold.errors import RefusedError
from freehold.fleet import document as documents
from freehold.fleet import pulumi_environment, stack_output, target, unlock
from freehold.paths import PROJECT, lab_paths
from freehold.process import Runner

STACK = """\
config:
  fleet:site: rack1
  fleet:access: {private_key_file: ~/.ssh/rack}
  fleet:keys: {folder: /srv/pki}
"""


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FREEHOLD_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", "/home/ann")
    (tmp_path / "Pulumi.rack1.yaml").write_text(STACK)
    return tmp_path


def test_a_stack_file_names_the_document_and_the_keys(stacks: Path) -> None:
    found = target.of_stack("rack1", Path("~/freehold-pulumi"), stacks)
    assert found == {
        "FREEHOLD_FLEET_DOCUMENT": str(stacks / "state" / "export" / "fleet.json"),
        "FREEHOLD_KEYS_FOLDER": "/srv/pki",
        "FREEHOLD_PRIVATE_KEY_FILE": "/home/ann/.ssh/rack",
        "FREEHOLD_PULUMI_FOLDER": "/home/ann/freehold-pulumi",
        "FREEHOLD_STACK": "rack1",
    }
    assert target.document(None, found) == stacks / "state" / "export" / "fleet.json"
    assert target.private_key(None, found) == Path("/home/ann/.ssh/rack")
    assert target.keys_folder(None, found) == Path("/srv/pki")


def test_the_option_wins_and_without_either_it_is_the_labs() -> None:
    assert target.document(Path("/given"), {target.DOCUMENT: "/other"}) == Path("/given")
    assert target.document(None, {}) == lab_paths().export / "fleet.json"
    assert target.private_key(None, {target.PRIVATE_KEY: ""}) == lab_paths().ssh / "id_ed25519"
    assert target.client_key(None, {}) == lab_paths().secrets / "operator-key"


@pytest.mark.parametrize(
    "text", [None, "", "config: 1\n", "config: {}\n", "config: {fleet:site: [x]}\n", "a: [\n", "[]"]
)
def test_a_file_that_does_not_say_is_refused(stacks: Path, text: str | None) -> None:
    if text is not None:
        (stacks / "Pulumi.other.yaml").write_text(text)
    with pytest.raises(RefusedError, match=r"STACK_FILE.*Pulumi\.other\.yaml"):
        target.of_stack("other", stacks, stacks)


def test_the_example_says_what_is_needed() -> None:
    assert set(target.of_stack("example", Path("/p"), PROJECT / "stacks" / "fleet")) == {
        target.DOCUMENT, target.KEYS, target.PRIVATE_KEY, target.PULUMI, target.STACK,
    }  # fmt: skip


def test_env_prints_them_for_a_shell(stacks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def toolchain(_: object, __: object, ___: Runner | None = None) -> dict[str, str]:
        return {"PULUMI_HOME": "/p/home"}

    monkeypatch.setattr(pulumi_environment, "variables", toolchain)
    monkeypatch.setattr(target, "STACK_FILES", stacks)
    done = CliRunner().invoke(build(), ["fleet", "env", "--stack=rack1", "--state=/p"])
    assert "export FREEHOLD_KEYS_FOLDER=/srv/pki\n" in done.output
    assert "export PULUMI_HOME=/p/home\n" in done.output
    assert "FREEHOLD" not in CliRunner().invoke(build(), ["fleet", "env", "--state=/p"]).output


def test_the_commands_take_them(document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents.export(document, tmp_path)
    asked: dict[str, Any] = {}
    monkeypatch.setattr(pulumi_environment, "variables", lambda folders, _: asked.update(folder=folders.root) or {})
    monkeypatch.setattr(stack_output, "document", lambda stack, **_: asked.update(stack=stack) or document)
    for name, value in {
        target.DOCUMENT: str(tmp_path / "fleet.json"), target.STACK: "rack1", target.PULUMI: "/p",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(build(), ["fleet", "export"])
    assert done.exit_code == 0, done.output
    assert asked == {"folder": Path("/p"), "stack": "rack1"}
    assert str(tmp_path) in done.output.replace("\n", "")


def test_unlock_needs_no_more_than_the_host(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from freehold.fleet import interrupted  # noqa: PLC0415

    documents.export(document, tmp_path)
    monkeypatch.setattr(pulumi_environment, "variables", lambda *_: {})
    monkeypatch.setattr(unlock, "unlock", lambda _, host, key: [f"{host} {key}"])
    monkeypatch.setattr(interrupted, "mend", lambda folders, stack, **_: [f"{folders.root} {stack}"])
    for name, value in {
        target.DOCUMENT: str(tmp_path / "fleet.json"), target.PRIVATE_KEY: "/k", target.STACK: "rack1",
        target.PULUMI: "/p",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(build(), ["fleet", "unlock", "--host=gpu1"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == ["gpu1 /k", "/p rack1"]
