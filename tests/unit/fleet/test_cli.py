"""The commands of the fleet end with the promised exit codes and JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests import command

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Freehold = Callable[..., Done]


@pytest.fixture
def freehold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Freehold:
    """Run `freehold fleet …`, with nothing of this machine's settings."""
    for name in [name for name in os.environ if name.startswith("FREEHOLD_")]:
        monkeypatch.delenv(name)

    def run(*words: str | Path) -> Done:
        return Done(command.typed(monkeypatch, "fleet", *map(str, words)), *capsys.readouterr())

    return run


def test_the_example_stack_is_valid(freehold: Freehold) -> None:
    done = freehold("validate", "--no-bundle", "--config", ROOT / "stacks" / "fleet" / "Pulumi.example.yaml")
    assert done.returncode == 0, done.stderr
    assert "valid; hosts gpu1" in done.stdout


def test_a_wrong_stack_is_refused_with_all_errors_as_json(freehold: Freehold, tmp_path: Path, stack_text: str) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(stack_text.replace("port: 2222", "port: 0").replace("currency: USD", "curency: USD"))
    done = freehold("validate", "--no-bundle", "--config", file, "--json")
    assert done.returncode == 3
    errors = json.loads(done.stdout)["errors"]
    assert {error["code"] for error in errors} == {"CONFIG_BAD_PORT", "CONFIG_UNKNOWN_KEY", "CONFIG_MISSING_PRICE"}
    assert all(error["details"]["line"] for error in errors)


@pytest.mark.parametrize("verb", ["preflight", "validate"])
def test_a_missing_file_is_no_traceback(freehold: Freehold, verb: str, tmp_path: Path) -> None:
    option = {"preflight": "--document", "validate": "--config"}[verb]
    done = freehold(verb, option, tmp_path / "gone")
    assert done.returncode in {2, 3}
    assert "Traceback" not in done.stderr


def test_preflight_reports_hosts_that_do_not_answer(
    freehold: Freehold, tmp_path: Path, document: dict[str, Any]
) -> None:
    for number, host in enumerate(document["hosts"], 1):
        host.update(address=f"127.0.0.{number}", port=1)
    (tmp_path / "fleet.json").write_text(json.dumps(document))
    done = freehold("preflight", "--document", tmp_path / "fleet.json", "--private-key", tmp_path / "key", "--json")
    assert done.returncode == 7
    assert [error["subject"] for error in json.loads(done.stdout)["errors"]] == ["gpu1", "gpu2"]


def test_preflight_says_who_is_in_maintenance_and_dials_nobody_there(
    freehold: Freehold, tmp_path: Path, document: dict[str, Any]
) -> None:
    for host in document["hosts"]:
        host.update(address="127.0.0.1", port=1, maintenance=True)
    (tmp_path / "fleet.json").write_text(json.dumps(document))
    done = freehold("preflight", "--document", tmp_path / "fleet.json", "--private-key", tmp_path / "key")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "gpu1: in maintenance, not visited"), done.stderr
